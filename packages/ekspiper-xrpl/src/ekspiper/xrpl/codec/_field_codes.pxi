# Which field the bytes of a code name, and what stands behind it. Included by _compiled.pyx.

cdef class FieldCodes:
    """Which field each code names, and how it is read.

    Args:
        fields: for each field its code (type << 16 | nth), kind, name, size in bytes (of HEX), and
            the names of its codes (of NAME8, NAME16, NAME32).
    """

    cdef uint16_t* ids            # by type << 8 | nth; 0 is no field
    cdef uint8_t* kinds
    cdef uint16_t* sizes
    cdef list names
    cdef list codes               # dict of code -> name, where the kind has names
    cdef readonly dict id_by_name
    cdef int count

    def __cinit__(self, list fields):
        cdef int at
        self.count = len(fields) + 1
        self.ids = <uint16_t*>PyMem_Malloc(65536 * sizeof(uint16_t))
        self.kinds = <uint8_t*>PyMem_Malloc(self.count)
        self.sizes = <uint16_t*>PyMem_Malloc(self.count * sizeof(uint16_t))
        if self.ids == NULL or self.kinds == NULL or self.sizes == NULL:
            raise MemoryError
        memset(self.ids, 0, 65536 * sizeof(uint16_t))
        self.kinds[0] = NOTHING
        self.sizes[0] = 0
        self.names = [""]
        self.codes = [None]
        self.id_by_name = {}
        for at in range(1, self.count):
            code, kind, name, size, codes = fields[at - 1]
            type_code, nth = code >> 16, code & 0xFFFF
            if not (0 < type_code < 256 and 0 < nth < 256):
                raise ValueError(f"the code of {name} does not fit")
            self.ids[type_code << 8 | nth] = at
            self.kinds[at] = kind
            self.sizes[at] = size
            self.names.append(name)
            self.codes.append(codes)
            self.id_by_name[name] = at

    def __dealloc__(self):
        PyMem_Free(self.ids)
        PyMem_Free(self.kinds)
        PyMem_Free(self.sizes)

    cdef inline int next_field(
        self, const uint8_t* data, int64_t* position, int64_t end, uint32_t* last
    ) noexcept nogil:
        """The id of the field that begins here, 0 to decline. Fields stand in rising order."""
        return self.ids[_next_code(data, position, end, last)]


cdef inline uint32_t _next_code(
    const uint8_t* data, int64_t* position, int64_t end, uint32_t* last
) noexcept nogil:
    """The code of the field that begins here, type << 8 | nth; 0 to decline, as fields rise."""
    cdef int64_t at = position[0]
    cdef uint32_t type_code = data[at] >> 4, nth = data[at] & 15
    at += 1
    if type_code == 0:
        if at >= end or data[at] < 16:
            return 0
        type_code = data[at]
        at += 1
    if nth == 0:
        if at >= end or data[at] < 16:
            return 0
        nth = data[at]
        at += 1
    cdef uint32_t code = type_code << 8 | nth
    if code <= last[0]:
        return 0
    last[0] = code
    position[0] = at
    return code
