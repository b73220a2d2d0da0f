# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The decoder in C: what fits the definitions and the schema becomes objects, or a line of JSON.

All classes here *decline* whatever is out of the ordinary: bytes that do not decode, a field, type
or name that the definitions do not know, fields out of order or doubled, what the schema of a record
does not allow. They return None then, and the caller takes the decoder in Python, which knows what to
say, to keep and to count. So there is one source of errors and of drift, and what is here stays
small: every read is checked against the end of the blob, and nothing is guessed.

Everything that depends on the definitions comes in as tables, made by `_compiled_codec.py`.

Threads may share what is here: objects that write while they work are locked meanwhile. The GIL alone
would not do, as another thread may run whenever an address is made in Python.
"""

cimport cython

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, _PyBytes_Resize
)
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.list cimport PyList_GET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from "Python.h":
    # As a pointer: what is still to be resized must have no other reference.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* at, Py_ssize_t size) except NULL

cdef extern from "_digits.h" nogil:
    void digits_hex(const uint8_t* at, int64_t size, char* out)
    int digits_low_hex(uint64_t number, char* out)
    bint digits_bytes(const char* text, int64_t size, uint8_t* out)
    int digits_decimal(uint64_t number, char* out)
    int digits_without_zeros(const char* digits, int size, int stop)
    enum: DIGITS_MORE

INTERFACE = 5  # as in _compiled_codec.py: an extension of another version is not used

# How a field is read; the numbers of `field_table.Kind`, and more of them, as a reader in Python is
# a kind of its own here.
cdef enum Kind:
    UINT32 = 0
    HEX = 1
    AMOUNT = 2
    OBJECT = 3
    NAME16 = 5
    ACCOUNT = 6
    BLOB = 7
    UINT64 = 8
    ARRAY = 9
    UINT8 = 11
    UINT16 = 12
    NAME8 = 20
    NAME32 = 21
    UINT64_BASE10 = 22
    INT32 = 23
    INT64 = 24
    NUMBER = 25
    CURRENCY = 26
    VECTOR256 = 27
    PATH_SET = 28
    ISSUE = 29
    BRIDGE = 30
    NOTHING = 255  # the definitions do not know the field: decline

DEF DIGITS_ROOM = 48        # of a number, and what is copied with it
DEF OBJECT_END = 0xE1
DEF ARRAY_END = 0xF1
DEF MAX_DEPTH = 10          # as in decoder.py
DEF ADDRESS_SLOTS = 32768   # a power of two; 64 bytes each
DEF ADDRESS_ROOM = 43       # the longest address has 35 letters, and quotes
DEF NAME_ROOM = 47          # longer names are looked up in a dict
DEF MARGIN = 768            # more than a key and the longest value of a fixed size, a bridge
DEF LINE_ROOM = 512         # what a line has beside its blobs, more or less
DEF OBJECT_ROOM = 128       # the blob of an object, more or less
DEF NO_CODE = 0xFFFFFFFF    # no field has it
DEF KEY_ROOM = 51           # the longest key, `,"Name":`
DEF MOST_KEYS = 32          # bytes that hold nearly any key: copied as two registers, without a loop
DEF TEXT_ROOM = 128         # any number or currency, and what may be written behind it
DEF LOW_CODES = 256
DEF NOT_ALLOWED = 0
DEF PLAIN = 1
DEF BY_ENTRY = 0xFFFF       # a part of an affected node: what it may hold depends on its entry's type

cdef uint8_t[20] XRP
cdef uint8_t[20] NO_ACCOUNT   # also the currency that is printed as "1"
cdef uint8_t[256] HEX_VALUES  # of digits in upper and lower case; 255 for everything else
cdef uint8_t[256] LETTERS     # 1 for what a currency of three characters may consist of

cdef void _fill_tables() noexcept:
    cdef const char* letters = (
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>(){}[]|?!@#$%^&*"
    )
    cdef int at
    memset(XRP, 0, 20)
    memset(NO_ACCOUNT, 0, 20)
    NO_ACCOUNT[19] = 1
    memset(HEX_VALUES, 255, 256)
    for at in range(10):
        HEX_VALUES[48 + at] = at
    for at in range(6):
        HEX_VALUES[65 + at] = HEX_VALUES[97 + at] = 10 + at
    memset(LETTERS, 0, 256)
    at = 0
    while letters[at]:
        LETTERS[<uint8_t>letters[at]] = 1
        at += 1

_fill_tables()


# --- bytes to numbers, and numbers to text ------------------------------------------------------

cdef inline uint32_t _be16(const uint8_t* at) noexcept nogil:
    return (<uint32_t>at[0] << 8) | at[1]

cdef inline uint32_t _be32(const uint8_t* at) noexcept nogil:
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]

cdef inline uint64_t _be64(const uint8_t* at) noexcept nogil:
    return (<uint64_t>_be32(at) << 32) | _be32(at + 4)

cdef inline int _plain(const char* digits, int size, int exponent, char* out) noexcept nogil:
    """Digits times ten to the exponent (-64 to 0), without useless zeros: `amounts.decimal_text`.

    Copies of a fixed size need no loop: what is too much is written over, so digits have DIGITS_ROOM.
    """
    cdef int point = size + exponent, end
    if exponent >= 0:
        memcpy(out, digits, 24)
        return size
    if point > 0:
        end = digits_without_zeros(digits, size, point)
        memcpy(out, digits, 24)
        out[point] = c"."
        memcpy(out + point + 1, digits + point, 24)
        return end + 1 if end > point else point
    end = digits_without_zeros(digits, size, 0)
    out[0] = c"0"
    if end == 0:
        return 1
    out[1] = c"."
    memset(out + 2, c"0", 64)
    memcpy(out + 2 - point, digits, 24)
    return 2 - point + end

cdef int _issued_value(uint64_t word, char* out) noexcept nogil:
    """The value of an issued amount, at most 48 bytes: `amounts.issued_value`."""
    cdef uint64_t mantissa = word & 0x003FFFFFFFFFFFFFULL
    cdef int exponent, length = 0, size
    cdef char[DIGITS_ROOM] digits
    if mantissa == 0:
        out[0] = c"0"
        return 1
    exponent = <int>((word >> 54) & 0xFF) - 97
    if not word & 0x4000000000000000ULL:
        out[0] = c"-"
        length = 1
    size = digits_decimal(mantissa, digits)
    if exponent and (exponent < -25 or exponent > -5):
        memcpy(out + length, digits, size)
        return _with_exponent(out, length + size, exponent)
    return length + _plain(digits, size, exponent, out + length)

cdef inline int _with_exponent(char* out, int length, int64_t exponent) noexcept nogil:
    out[length] = c"e"
    length += 1
    if exponent < 0:
        out[length] = c"-"
        length += 1
        exponent = -exponent
    return length + digits_decimal(<uint64_t>exponent, out + length)

cdef int _number(int64_t mantissa, int32_t given, char* out) noexcept nogil:
    """A Number, at most 64 bytes: `number.number_text`."""
    cdef uint64_t digits
    cdef int64_t exponent = given
    cdef int length = 0, size
    cdef char[DIGITS_ROOM] text
    if mantissa == 0:
        out[0] = c"0"
        return 1
    if mantissa < 0:
        out[0] = c"-"
        length = 1
        digits = <uint64_t>0 - <uint64_t>mantissa
    else:
        digits = <uint64_t>mantissa
    while digits < 1000000000000000000ULL and exponent > -32768:
        digits *= 10
        exponent -= 1
    if exponent < -32768 or digits < 1000000000000000000ULL:
        out[0] = c"0"
        return 1
    size = digits_decimal(digits, text)
    if exponent and (exponent < -28 or exponent > -8):
        exponent += size
        size = digits_without_zeros(text, size, 1)
        memcpy(out + length, text, size)
        return _with_exponent(out, length + size, exponent - size)
    return length + _plain(text, size, <int>exponent, out + length)

cdef inline int _currency(const uint8_t* code, char* out) noexcept nogil:
    """A currency, at most 40 bytes: `currency.currency_text`."""
    if memcmp(code, XRP, 12) == 0 and memcmp(code + 15, XRP, 5) == 0:
        if LETTERS[code[12]] & LETTERS[code[13]] & LETTERS[code[14]] and memcmp(code + 12, b"XRP", 3):
            memcpy(out, code + 12, 3)
            return 3
        if code[12] == 0 and code[13] == 0 and code[14] == 0:
            memcpy(out, b"XRP", 3)
            return 3
    elif memcmp(code, NO_ACCOUNT, 20) == 0:
        out[0] = c"1"
        return 1
    digits_hex(code, 20, out)
    return 40

cdef inline int64_t _length(const uint8_t* data, int64_t* position, int64_t end) noexcept nogil:
    """A length prefix: moves on to the bytes it announces, or -1 when they are not all there."""
    cdef int64_t at = position[0], size
    if at >= end:
        return -1
    cdef uint32_t first = data[at]
    if first <= 192:
        size = first
        at += 1
    elif first <= 240:
        if at + 2 > end:
            return -1
        size = 193 + (first - 193) * 256 + data[at + 1]
        at += 2
    elif first <= 254:
        if at + 3 > end:
            return -1
        size = 12481 + (first - 241) * 65536 + _be16(data + at + 1)
        at += 3
    else:
        return -1
    if size > end - at:
        return -1
    position[0] = at
    return size


# --- the tables ---------------------------------------------------------------------------------

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


# --- lines --------------------------------------------------------------------------------------

cdef struct Blob:
    const uint8_t* data
    int64_t position
    int64_t end

# What is looked up together lies together: most of the time here was once spent waiting for memory.

cdef struct AllowedField:  # may stand in an object
    uint64_t bit       # its bit in what the object requires; 0 where it may be missing
    uint32_t code      # the slots of an object are in the order of their codes, as its fields are
    uint16_t field
    uint16_t inside    # PLAIN, BY_ENTRY, or the context of what is in it
    uint16_t size      # in bytes, of HEX
    uint8_t kind
    uint8_t role       # what else the line needs its value for
    uint8_t key_size
    char[KEY_ROOM] key  # `,"Name":`

cdef enum Role:
    NO_ROLE = 0
    ENTRY_TYPE = 1     # in any object; the others only in the outermost one
    AMOUNT_SENT = 2
    AMOUNT_DELIVERED = 3
    NETWORK = 4
    INDEX = 5
    RESULT = 6
    SEQUENCE = 7
    ISSUER = 8

cdef struct Context:
    uint64_t required  # one bit for each field that must be there
    int64_t first      # its first slot; the last one has the code NO_CODE
    uint8_t[256] nth   # which slot, from 1 on, a field has whose code is this one byte; 0 for none

cdef struct Address:
    uint8_t[20] account
    uint8_t size       # 0 where the place is empty
    char[ADDRESS_ROOM] text  # in quotes

cdef struct CodeName:
    uint8_t size       # 0 where there is none
    char[NAME_ROOM] text  # in quotes

cdef dict _ROLES = {
    ("LedgerEntryType", NAME16): ENTRY_TYPE,
    ("Amount", AMOUNT): AMOUNT_SENT,
    ("DeliveredAmount", AMOUNT): AMOUNT_DELIVERED,
    ("NetworkID", UINT32): NETWORK,
    ("TransactionIndex", UINT32): INDEX,
    ("TransactionResult", NAME8): RESULT,
    ("Sequence", UINT32): SEQUENCE,
    ("Issuer", ACCOUNT): ISSUER,
}

cdef class LineWriter:
    """Writes records of transactions and of ledger objects as lines of JSON, straight from blobs.

    Args:
        fields: the field codes.
        contexts: what may stand where; see `schema.record_lines.Context`.
        transactions: the context of each transaction type, by its code.
        entries: the context of the parts of an affected node, by the code of its entry type.
        whole_entries: the context of a whole ledger object, by the code of its entry type.
        metadata: the context of metadata.
        address: makes the address of 20 bytes; asked once for each slot of the cache.
        delivering: codes of the transaction types that deliver an amount.
        success: the code of the result tesSUCCESS.
        issuance: the code of the entry type MPTokenIssuance, whose records have the id that everything
            else names it by.
    """

    cdef object address
    cdef list values              # for fields with names: '"Name"' by code
    cdef int* low_names           # where the names of a field begin in `names`; -1 for no names
    cdef CodeName* names              # of codes under LOW_CODES
    cdef AllowedField* slots
    cdef Context* contexts
    cdef uint16_t[65536] transactions  # by type; 0 where the type is unknown, as in the others
    cdef uint16_t[65536] entries
    cdef uint16_t[65536] whole_entries
    cdef uint8_t[65536] delivering
    cdef int metadata
    cdef int success
    cdef int issuance
    cdef cython.pymutex lock      # for all that follows
    # What lines are written into: the bytes that are handed out, so that nothing is copied.
    cdef PyObject* sheet
    cdef char* out
    cdef char* end
    # What is remembered of the line that is being written; of amounts, where in the buffer they are.
    cdef int64_t amount_from, amount_to, delivered_from, delivered_to
    cdef int64_t network_id, index
    cdef int result
    cdef bint has_sequence, has_issuer
    cdef uint8_t[4] sequence
    cdef const uint8_t* issuer    # in the blob that is being read
    # Addresses that were met, each in the one place where it may stand.
    cdef Address* addresses
    cdef void* address_memory

    def __cinit__(self, FieldCodes fields, *, list contexts, **_):
        cdef int64_t slots = sum([len(names) + 1 for names, _ in contexts])
        cdef int64_t named = sum([codes is not None for codes in fields.codes])
        self.slots = <AllowedField*>PyMem_Malloc(slots * sizeof(AllowedField))
        self.contexts = <Context*>PyMem_Malloc(len(contexts) * sizeof(Context))
        self.names = <CodeName*>PyMem_Malloc((named * LOW_CODES + 1) * sizeof(CodeName))
        self.low_names = <int*>PyMem_Malloc(fields.count * sizeof(int))
        self.address_memory = PyMem_Malloc(ADDRESS_SLOTS * sizeof(Address) + 64)
        if (
            self.slots == NULL or self.contexts == NULL or self.names == NULL
            or self.low_names == NULL or self.address_memory == NULL
        ):
            raise MemoryError
        memset(self.names, 0, (named * LOW_CODES + 1) * sizeof(CodeName))
        memset(self.address_memory, 0, ADDRESS_SLOTS * sizeof(Address) + 64)
        # At a multiple of 64, so that an address is one read from memory.
        self.addresses = <Address*>((<size_t>self.address_memory + 63) & ~<size_t>63)

    def __init__(
        self,
        FieldCodes fields,
        *,
        list contexts,
        dict transactions,
        dict entries,
        dict whole_entries,
        int metadata,
        object address,
        set delivering,
        int success,
        int issuance,
    ):
        self.address = address
        _fill_by_code(self.transactions, transactions)
        _fill_by_code(self.entries, entries)
        _fill_by_code(self.whole_entries, whole_entries)
        memset(self.delivering, 0, sizeof(self.delivering))
        for code in delivering:
            self.delivering[<uint16_t>code] = 1
        self.metadata = metadata
        self.success = success
        self.issuance = issuance
        self._fill_names(fields)
        self._fill_contexts(fields, contexts)
    cdef int _fill_names(self, FieldCodes fields) except -2:
        """The names of codes, of all fields that have them."""
        cdef int at, code, begin = 0
        cdef bytes quoted
        self.values = []
        for at in range(fields.count):
            codes = fields.codes[at]
            self.low_names[at] = -1
            if codes is None:
                self.values.append(None)
                continue
            self.values.append({code: _json_text(text) for code, text in codes.items()})
            self.low_names[at] = begin
            for code in range(LOW_CODES):
                quoted = self.values[at].get(code)
                if quoted is not None and len(quoted) <= NAME_ROOM:  # a longer one is looked up
                    self.names[begin + code].size = <uint8_t>len(quoted)
                    memcpy(self.names[begin + code].text, PyBytes_AS_STRING(quoted), len(quoted))
            begin += LOW_CODES
        return 0

    cdef int _fill_contexts(self, FieldCodes fields, list contexts) except -2:
        cdef int64_t at, next_slot = 0
        cdef AllowedField* slot
        cdef int code, number
        cdef bytes key
        order = {}
        for code in range(65536):
            number = fields.ids[code]
            if number:
                order[fields.names[number]] = (code, number)
        for at, (names, required) in enumerate(contexts):
            self.contexts[at].first = next_slot
            # One bit that no field has: then nothing fits.
            self.contexts[at].required = 0 if required is not None else <uint64_t>1 << 63
            bits = {name: 1 << nth for nth, name in enumerate(required or ())}
            memset(self.contexts[at].nth, 0, 256)
            for name in sorted(names, key=order.__getitem__):
                key = b"," + _json_text(name) + b":"
                if len(key) > KEY_ROOM:
                    continue  # a line with it is declined
                slot = self.slots + next_slot
                slot.code, slot.field = order[name]
                slot.key_size = <uint8_t>len(key)
                memset(slot.key, 0, KEY_ROOM)
                memcpy(slot.key, PyBytes_AS_STRING(key), len(key))
                slot.inside = names[name]
                slot.size = fields.sizes[slot.field]
                slot.kind = fields.kinds[slot.field]
                slot.bit = bits.get(name, 0)
                slot.role = _ROLES.get((name, slot.kind), NO_ROLE)
                next_slot += 1
                code = slot.code
                if code & 0xFF < 16 and code >> 8 < 16 and next_slot - self.contexts[at].first < 256:
                    self.contexts[at].nth[(code >> 8) << 4 | code & 0xFF] = <uint8_t>(
                        next_slot - self.contexts[at].first
                    )
            for bit in bits.values():
                self.contexts[at].required |= <uint64_t>bit
            self.slots[next_slot].code = NO_CODE
            next_slot += 1
        return 0

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.contexts)
        PyMem_Free(self.names)
        PyMem_Free(self.low_names)
        Py_XDECREF(self.sheet)
        PyMem_Free(self.address_memory)

    def line(
        self,
        bytes tx_blob not None,
        bytes meta_blob not None,
        bytes hash not None,
        bytes place not None,
        int64_t ledger_index,
        int64_t network_id,
        bint late,
    ):
        """The line, with its newline; None to decline.

        Args:
            tx_blob: the transaction's bytes.
            meta_blob: its metadata's bytes.
            hash: its id, in upper-case hex.
            place: the members of the record from `ledger_index` to `close_time_iso`, as JSON.
            ledger_index: of the ledger that it is in.
            network_id: of the network, unless the transaction names one.
            late: whether that ledger is so late that metadata without DeliveredAmount means that
                all of `Amount` was delivered.
        """
        cdef Blob tx, meta
        tx.data = <const uint8_t*>PyBytes_AS_STRING(tx_blob)
        meta.data = <const uint8_t*>PyBytes_AS_STRING(meta_blob)
        tx.position = meta.position = 0
        tx.end = PyBytes_GET_SIZE(tx_blob)
        meta.end = PyBytes_GET_SIZE(meta_blob)
        if PyBytes_GET_SIZE(hash) != 64:
            return None
        cdef char* out
        with self.lock:
            out = self._begin(tx.end + meta.end, 1)
            out = self._transaction(
                &tx, &meta, PyBytes_AS_STRING(hash), place, ledger_index, network_id, late, out
            )
            return self._written(out)

    def lines(
        self,
        bytes data not None,
        bytes spans not None,
        bytes ids not None,
        bytes place not None,
        int64_t ledger_index,
        int64_t network_id,
        bint late,
    ):
        """The lines of all transactions of a ledger, in one piece; None to decline all of them.

        Args:
            data: their bytes.
            spans: for each of them four numbers of 32 bits, as the machine has them: where in
                `data` the transaction begins, its size, and the same of its metadata.
            ids: 32 bytes for each of them.
        """
        cdef int64_t nth, count = PyBytes_GET_SIZE(spans) // 16, size = PyBytes_GET_SIZE(data)
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(data)
        cdef uint32_t[4] span
        cdef char[64] hash
        cdef Blob tx, meta
        cdef char* out
        if PyBytes_GET_SIZE(ids) != 32 * count:
            return None
        with self.lock:
            out = self._begin(size, count)
            for nth in range(count):
                memcpy(span, PyBytes_AS_STRING(spans) + 16 * nth, 16)
                tx.data = meta.data = begin
                tx.position = span[0]
                tx.end = tx.position + span[1]
                meta.position = span[2]
                meta.end = meta.position + span[3]
                if tx.end > size or meta.end > size:
                    return None
                digits_hex(<const uint8_t*>PyBytes_AS_STRING(ids) + 32 * nth, 32, hash)
                out = self._transaction(
                    &tx, &meta, hash, place, ledger_index, network_id, late, out
                )
                if out == NULL:
                    return None
            return self._written(out)

    # Each method below writes behind `out` and returns where to write on: a local variable, so that
    # compilers keep it in a register. NULL is to decline. There is always room for MARGIN bytes, which is
    # more than any value of a fixed size takes; what may be longer asks for room first, and what comes
    # back may then lie elsewhere.

    cdef char* _transaction(
        self,
        Blob* tx,
        Blob* meta,
        const char* hash,
        bytes place,
        int64_t ledger_index,
        int64_t network_id,
        bint late,
        char* out,
    ) except? NULL:
        """The line of one transaction."""
        self.amount_from = self.delivered_from = -1
        self.network_id = network_id
        self.index = self.result = -1
        # TransactionType has the lowest code of all fields, and decides which others may follow.
        if tx.end - tx.position < 3 or tx.data[tx.position] != 0x12:
            return NULL
        cdef int type_code = _be16(tx.data + tx.position + 1)
        cdef int context = self.transactions[type_code]
        if context == 0:
            return NULL
        out = self._object(tx, context, 0, self._room(out, 0))
        if out == NULL:
            return NULL
        out -= 1  # the object goes on: without its closing brace
        cdef int64_t amount_from = self.amount_from, amount_to = self.amount_to
        cdef int64_t network = self.network_id
        out = _put(out, b',"meta":', 8)
        out = self._object(meta, self.metadata, 0, self._room(out, 0))
        if out == NULL:
            return NULL
        out = self._room(out, PyBytes_GET_SIZE(place))
        out = _put(out, b',"hash":"', 9)
        out = _put(out, hash, 64)
        out = _put(out, b'",', 2)
        out = _put(out, PyBytes_AS_STRING(place), PyBytes_GET_SIZE(place))
        out = _put_ctid(ledger_index, self.index, network, out)
        if self.delivering[type_code] and self.result == self.success:
            if self.delivered_from >= 0:
                amount_from, amount_to = self.delivered_from, self.delivered_to
            elif amount_from < 0 or not late:
                return NULL  # nobody can know how much it was: the decoder in Python says so
            # The amount that was written before, once more.
            out = self._room(out, amount_to - amount_from)
            out = _put(out, b',"delivered_amount":', 20)
            out = _put(out, self.out + amount_from, amount_to - amount_from)
        return _put(out, b"}\n", 2)

    def object_line(self, bytes data not None, str index not None, bytes place not None):
        """The line of a ledger object, with its newline; None to decline.

        Args:
            data: the object's bytes.
            index: of the object, 64 hex digits.
            place: the members of the record after `index`, as JSON.
        """
        cdef Blob blob
        blob.data = <const uint8_t*>PyBytes_AS_STRING(data)
        blob.position = 0
        blob.end = PyBytes_GET_SIZE(data)
        with self.lock:
            return self._written(self._entry(&blob, index, place, self._begin(blob.end, 1)))

    def object_lines(self, tuple objects not None, bytes place not None, frozenset types):
        """The lines of the wanted objects of a page in one piece, and how many they are; None to
        decline all of them.

        Args:
            objects: index and data of each, in hex.
            place: the members of the records after `index`, as JSON.
            types: codes of the types that are wanted, in hex of four digits; None: all.
        """
        cdef Blob blob
        cdef Py_ssize_t size
        cdef const char* text
        cdef int64_t room = 0, count = 0
        cdef uint8_t* data = NULL
        cdef char* out
        with self.lock:
            try:
                out = self._begin(OBJECT_ROOM * len(objects), len(objects))
                for pair in objects:
                    if type(pair) is not tuple or len(<tuple>pair) != 2:
                        return None
                    index, digits = <tuple>pair
                    if type(index) is not str or type(digits) is not str:
                        return None
                    if types is not None and digits[2:6] not in types:
                        continue
                    text = PyUnicode_AsUTF8AndSize(digits, &size)
                    if size & 1:
                        return None
                    if size > room:
                        room = 2 * size
                        grown = <uint8_t*>PyMem_Realloc(data, room)
                        if grown == NULL:
                            raise MemoryError
                        data = grown
                    if not digits_bytes(text, size >> 1, data):
                        return None
                    blob.data = data
                    blob.position = 0
                    blob.end = size >> 1
                    out = self._entry(&blob, index, place, out)
                    if out == NULL:
                        return None
                    count += 1
            except UnicodeError:  # half a surrogate pair
                return None
            finally:
                PyMem_Free(data)
            return self._written(out), count

    cdef char* _entry(self, Blob* blob, str index, bytes place, char* out) except? NULL:
        """The line of one ledger object."""
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(index, &size)
        cdef int64_t nth
        # LedgerEntryType has the lowest code of all fields.
        if blob.end < 3 or blob.data[0] != 0x11 or size != 64:
            return NULL
        for nth in range(size):
            if HEX_VALUES[<uint8_t>text[nth]] > 15:
                return NULL
        cdef int code = _be16(blob.data + 1)
        self.has_sequence = self.has_issuer = False
        cdef int context = self.whole_entries[code]
        if context == 0:
            return NULL
        out = self._object(blob, context, 0, self._room(out, 0))
        if out == NULL:
            return NULL
        out -= 1  # the object goes on: without its closing brace
        out = self._room(out, PyBytes_GET_SIZE(place))
        out = _put(out, b',"index":"', 10)
        out = _put(out, text, size)
        out = _put(out, b'",', 2)
        out = _put(out, PyBytes_AS_STRING(place), PyBytes_GET_SIZE(place))
        if code == self.issuance and self.has_sequence and self.has_issuer:
            if self.issuer == NULL:
                return NULL
            out = _put(out, b',"mpt_issuance_id":"', 20)
            digits_hex(self.sequence, 4, out)
            digits_hex(self.issuer, 20, out + 8)
            out = _put(out + 48, b'"', 1)
        return _put(out, b"}\n", 2)

    cdef inline char* _room(self, char* out, int64_t more) except NULL:
        """Where to write on, with room for so many bytes beside the margin."""
        return out if self.end - out >= more + MARGIN else self._grow(out, more + MARGIN)

    cdef char* _grow(self, char* out, int64_t more) except NULL:
        cdef int64_t size = out - self.out, room = self.end - self.out
        while room < size + more:
            room *= 2
        _PyBytes_Resize(&self.sheet, room)
        self.out = PyBytes_AS_STRING(<object>self.sheet)
        self.end = self.out + room
        return self.out + size

    cdef char* _begin(self, int64_t size, int64_t count) except NULL:
        """Where to write the lines of so many records, whose blobs have this size in all."""
        cdef int64_t room = 4 * size + LINE_ROOM * count + MARGIN
        Py_XDECREF(self.sheet)
        self.sheet = NULL
        self.sheet = new_bytes(NULL, room)
        self.out = PyBytes_AS_STRING(<object>self.sheet)
        self.end = self.out + room
        return self.out

    cdef object _written(self, const char* out):
        """The lines up to there; None for NULL."""
        if out == NULL:
            return None
        _PyBytes_Resize(&self.sheet, out - self.out)
        cdef object lines = <object>self.sheet
        Py_XDECREF(self.sheet)
        self.sheet = NULL
        return lines

    cdef inline char* _hex(self, const uint8_t* at, int64_t size, char* out) except NULL:
        """Upper-case hex in quotes."""
        return _put_hex(at, size, self._room(out, 2 * size))

    cdef inline char* _account(self, const uint8_t* account, char* out) except? NULL:
        """An address in quotes."""
        cdef uint32_t place = (_be32(account) ^ _be32(account + 8)) & (ADDRESS_SLOTS - 1)
        cdef Address* found = self.addresses + place
        if found.size == 0 or memcmp(found.account, account, 20) != 0:
            if self._remember(found, account) < 0:
                return NULL
        memcpy(out, found.text, ADDRESS_ROOM)
        return out + found.size

    cdef int _remember(self, Address* place, const uint8_t* account) except -2:
        """Make the address of an account, in the place of another one."""
        cdef bytes text = self.address(PyBytes_FromStringAndSize(<const char*>account, 20)).encode(
            "ascii"
        )
        cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
        if size + 2 > ADDRESS_ROOM:
            return -1
        memcpy(place.account, account, 20)
        place.text[0] = c'"'
        memcpy(place.text + 1, PyBytes_AS_STRING(text), size)
        place.text[size + 1] = c'"'
        place.size = <uint8_t>(size + 2)
        return 0

    cdef char* _object(self, Blob* blob, int context, int depth, char* out) except? NULL:
        """The fields up to the end marker, or to the end of the blob where the object is the whole."""
        cdef const Context* allowed = self.contexts + context
        cdef AllowedField* slots = self.slots + allowed.first
        cdef AllowedField* slot
        cdef uint64_t missing = allowed.required, word
        cdef const uint8_t* data = blob.data
        cdef const uint8_t* at
        cdef int64_t position = blob.position, end = blob.end, size
        cdef uint32_t last = 0, code
        cdef int nth = 0, found, inside
        cdef int entry = -1
        cdef char before = c"{"  # what stands before a key
        cdef char* begin
        if depth > MAX_DEPTH:
            return NULL
        while True:
            if position >= end:
                if depth:
                    return NULL
                break
            found = allowed.nth[data[position]]
            if found:
                # The slots are in the order in which fields must be.
                if found <= nth:
                    return NULL
                nth = found
                slot = slots + nth - 1
                position += 1
            elif data[position] == OBJECT_END:
                if not depth:
                    return NULL
                position += 1
                break
            else:
                last = 0
                code = _next_code(data, &position, end, &last)
                slot = slots + nth
                while slot.code < code:
                    slot += 1
                if slot.code != code:
                    return NULL
                nth = <int>(slot - slots) + 1
            missing &= ~slot.bit
            out = self._room(out, 0)
            memcpy(out, slot.key, MOST_KEYS)
            if slot.key_size > MOST_KEYS:
                memcpy(out + MOST_KEYS, slot.key + MOST_KEYS, KEY_ROOM - MOST_KEYS)
            out[0] = before
            before = c","
            out += slot.key_size
            begin = out
            at = data + position
            kind = slot.kind
            if kind == UINT32:
                if end - position < 4:
                    return NULL
                position += 4
                out += digits_decimal(_be32(at), out)
            elif kind == HEX:
                size = slot.size
                if end - position < size:
                    return NULL
                position += size
                out = self._hex(at, size, out)
            elif kind == AMOUNT:
                blob.position = position
                out = self._amount(blob, out)
                if out == NULL:
                    return NULL
                position = blob.position
            elif kind == OBJECT or kind == ARRAY:
                inside = slot.inside
                if inside == BY_ENTRY:
                    # LedgerEntryType has a lower code than the parts, so it has been read.
                    inside = self.entries[entry] if entry >= 0 else 0
                    if inside == 0:
                        return NULL
                blob.position = position
                if kind == OBJECT:
                    out = self._object(blob, inside, depth + 1, out)
                else:
                    out = self._array(blob, inside, depth + 1, out)
                if out == NULL:
                    return NULL
                position = blob.position
            elif kind == ACCOUNT:
                size = _length(data, &position, end)
                at = data + position
                if size == 20:
                    position += 20
                    out = self._account(at, out)
                    if out == NULL:
                        return NULL
                elif size == 0:
                    at = NULL
                    out = _put(out, b'""', 2)
                else:
                    return NULL
            elif kind == BLOB:
                size = _length(data, &position, end)
                if size < 0:
                    return NULL
                out = self._hex(data + position, size, out)
                position += size
            elif kind == NAME16:
                if end - position < 2:
                    return NULL
                position += 2
                out = self._name(slot.field, <int>_be16(at), out)
                if out == NULL:
                    return NULL
            elif kind == UINT64:
                if end - position < 8:
                    return NULL
                position += 8
                out[0] = c'"'
                out += digits_low_hex(_be64(at), out + 1)
                out[1] = c'"'
                out += 2
            elif kind == UINT8:
                if position == end:
                    return NULL
                position += 1
                out += digits_decimal(at[0], out)
            elif kind == NAME8:
                if position == end:
                    return NULL
                position += 1
                out = self._name(slot.field, at[0], out)
                if out == NULL:
                    return NULL
            else:
                blob.position = position
                out = self._rare(blob, slot, out)
                if out == NULL:
                    return NULL
                position = blob.position
            if slot.role:
                if slot.role == ENTRY_TYPE:
                    entry = _be16(at)
                elif depth == 0:
                    self._note(slot.role, at, begin, out)
        if missing:
            return NULL
        blob.position = position
        if before == c"{":
            out[0] = c"{"
            out += 1
        out[0] = c"}"
        return out + 1

    cdef void _note(self, int role, const uint8_t* at, char* begin, char* out) noexcept:
        """Remember what the line needs once more: a value, or where it stands."""
        if role == AMOUNT_SENT:
            self.amount_from, self.amount_to = begin - self.out, out - self.out
        elif role == AMOUNT_DELIVERED:
            self.delivered_from, self.delivered_to = begin - self.out, out - self.out
        elif role == NETWORK:
            self.network_id = <int64_t>_be32(at)
        elif role == INDEX:
            self.index = <int64_t>_be32(at)
        elif role == RESULT:
            self.result = at[0]
        elif role == SEQUENCE:
            self.has_sequence = True
            memcpy(self.sequence, at, 4)
        elif role == ISSUER:
            self.has_issuer = True
            self.issuer = at

    cdef char* _array(self, Blob* blob, int context, int depth, char* out) except? NULL:
        """The elements up to the end marker, each an object under its name."""
        cdef const Context* allowed = self.contexts + context
        cdef AllowedField* slot
        cdef uint32_t last, code
        cdef int found
        cdef char before = c"["
        if depth > MAX_DEPTH:
            return NULL
        while True:
            if blob.position >= blob.end:
                return NULL
            found = allowed.nth[blob.data[blob.position]]
            slot = self.slots + allowed.first
            if found:
                slot += found - 1
                blob.position += 1
            elif blob.data[blob.position] == ARRAY_END:
                blob.position += 1
                break
            else:
                last = 0
                code = _next_code(blob.data, &blob.position, blob.end, &last)
                while slot.code < code:
                    slot += 1
                if slot.code != code:
                    return NULL
            if slot.kind != OBJECT:
                return NULL
            out = self._room(out, 0)
            memcpy(out + 1, slot.key, KEY_ROOM)
            out[0] = before
            out[1] = c"{"
            before = c","
            out = self._object(blob, slot.inside, depth + 1, out + 1 + slot.key_size)
            if out == NULL:
                return NULL
            out[0] = c"}"
            out += 1
        if before == c"[":
            out[0] = c"["
            out += 1
        out[0] = c"]"
        return out + 1

    cdef char* _rare(self, Blob* blob, AllowedField* slot, char* out) except? NULL:
        """A value of a kind that few transactions have."""
        cdef int kind = slot.kind
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef int64_t size
        if kind == PATH_SET:
            return self._paths(blob, out)
        if kind == ISSUE:
            return self._issue(blob, out)
        if kind == BRIDGE:
            return self._bridge(blob, out)
        if kind == VECTOR256:
            size = _length(blob.data, &blob.position, blob.end)
            if size < 0:
                return NULL
            at = blob.data + blob.position
            blob.position += size
            return self._hashes(at, size, out)
        size = _width(kind)
        if size < 0 or left < size:
            return NULL
        blob.position += size
        if kind == UINT16:
            return out + digits_decimal(_be16(at), out)
        if kind == NAME32:
            return self._name(slot.field, _be32(at), out)
        if kind == INT32:
            return _put_signed(<int32_t>_be32(at), out)
        out[0] = c'"'
        out += 1
        if kind == UINT64_BASE10:
            out += digits_decimal(_be64(at), out)
        elif kind == INT64:
            out = _put_signed(<int64_t>_be64(at), out)
        elif kind == NUMBER:
            out += _number(<int64_t>_be64(at), <int32_t>_be32(at + 8), out)
        elif kind == CURRENCY:
            out += _currency(at, out)
        else:
            return NULL
        out[0] = c'"'
        return out + 1

    cdef char* _name(self, int field, int64_t code, char* out) except? NULL:
        """A code's name in quotes; the few hundred low codes are looked up without a hash."""
        cdef CodeName* name
        cdef object text
        if self.low_names[field] < 0:
            return NULL
        if code < LOW_CODES:
            name = self.names + self.low_names[field] + code
            if name.size:
                memcpy(out, name.text, NAME_ROOM)
                return out + name.size
        text = (<dict>self.values[field]).get(code)
        if text is None:
            return NULL
        out = self._room(out, PyBytes_GET_SIZE(text))
        return _put(out, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef char* _amount(self, Blob* blob, char* out) except? NULL:
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef uint64_t word
        if left < 8:
            return NULL
        word = _be64(at)
        if at[0] & 0x80:
            if left < 48:
                return NULL
            blob.position += 48
            out = _put(out, b'{"currency":"', 13)
            out += _currency(at + 8, out)
            out = _put(out, b'","issuer":', 11)
            out = self._account(at + 28, out)
            if out == NULL:
                return NULL
            out = _put(out, b',"value":"', 10)
            out += _issued_value(word, out)
            return _put(out, b'"}', 2)
        if at[0] & 0x20:
            if left < 33:
                return NULL
            blob.position += 33
            out = _put(out, b'{"currency":"","issuer":"","value":"', 36)
            word = _be64(at + 1)
            if word and not at[0] & 0x40:
                out = _put(out, b"-", 1)
            out += digits_decimal(word, out)
            out = _put(out, b'","mpt_issuance_id":', 20)
            return _put(_put_hex(at + 9, 24, out), b"}", 1)
        blob.position += 8
        out = _put(out, b'{"currency":"XRP","issuer":"","value":"', 39)
        if not word & 0x4000000000000000ULL:
            out = _put(out, b"-", 1)
        out += digits_decimal(word & 0x3FFFFFFFFFFFFFFFULL, out)
        return _put(out, b'"}', 2)

    cdef char* _hashes(self, const uint8_t* at, int64_t size, char* out) except? NULL:
        cdef int64_t nth
        if size % 32:
            return NULL
        out = _put(out, b"[", 1)
        for nth in range(size // 32):
            if nth:
                out = _put(out, b",", 1)
            out = self._hex(at + 32 * nth, 32, out)
        return _put(out, b"]", 1)

    cdef char* _issue(self, Blob* blob, char* out) except? NULL:
        """An asset without an amount; see `readers.issue_reader`."""
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef uint8_t[24] issuance
        cdef int nth
        if left < 20:
            return NULL
        if memcmp(at, XRP, 20) == 0:
            blob.position += 20
            return _put(out, b'{"currency":"XRP"}', 18)
        if left < 40:
            return NULL
        if memcmp(at + 20, XRP, 20) != 0 and memcmp(at + 20, NO_ACCOUNT, 20) != 0:
            blob.position += 40
            out = _put(out, b'{"currency":"', 13)
            out += _currency(at, out)
            out = _put(out, b'","issuer":', 11)
            out = self._account(at + 20, out)
            return NULL if out == NULL else _put(out, b"}", 1)
        if left < 44:
            return NULL
        blob.position += 44
        for nth in range(4):
            issuance[nth] = at[40 + nth] if at[39] == 0 else at[43 - nth]
        memcpy(issuance + 4, at, 20)
        out = _put(out, b'{"mpt_issuance_id":', 19)
        return _put(self._hex(issuance, 24, out), b"}", 1)

    cdef char* _bridge(self, Blob* blob, char* out) except? NULL:
        """A door and an asset on each chain; see `readers.bridge_reader`."""
        cdef int chain
        cdef int64_t size
        for chain in range(2):
            if chain == 0:
                out = _put(out, b'{"LockingChainDoor":', 20)
            else:
                out = _put(out, b',"IssuingChainDoor":', 20)
            size = _length(blob.data, &blob.position, blob.end)
            if size == 0:
                out = _put(out, b'""', 2)
            elif size != 20:
                return NULL
            else:
                out = self._account(blob.data + blob.position, out)
                if out == NULL:
                    return NULL
            blob.position += size
            if chain == 0:
                out = _put(out, b',"LockingChainIssue":', 21)
            else:
                out = _put(out, b',"IssuingChainIssue":', 21)
            out = self._issue(blob, out)
            if out == NULL:
                return NULL
            out = self._room(out, 0)
        return _put(out, b"}", 1)

    cdef char* _paths(self, Blob* blob, char* out) except? NULL:
        """Payment paths, each as `{"steps": [...]}`; see `readers.path_set_reader`."""
        cdef int steps = 0
        cdef int paths = 0
        cdef int kind, size
        cdef const uint8_t* at
        out = _put(out, b"[", 1)
        while True:
            if blob.position >= blob.end:
                return NULL
            kind = blob.data[blob.position]
            blob.position += 1
            if kind == 0x00 or kind == 0xFF:
                if steps == 0:
                    return NULL
                out = _put(out, b"]}", 2)
                steps = 0
                if kind == 0x00:
                    return _put(out, b"]", 1)
                continue
            if kind & ~0x71:
                return NULL
            size = 20 * ((kind & 1) + (kind >> 4 & 1) + (kind >> 5 & 1)) + 24 * (kind >> 6 & 1)
            if blob.end - blob.position < size:
                return NULL
            at = blob.data + blob.position
            blob.position += size
            out = self._room(out, 0)
            if steps:
                out = _put(out, b",", 1)
            elif paths:
                out = _put(out, b',{"steps":[', 11)
            else:
                out = _put(out, b'{"steps":[', 10)
            paths = 1
            steps += 1
            out = self._step(at, kind, out)
            if out == NULL:
                return NULL

    cdef char* _step(self, const uint8_t* at, int kind, char* out) except? NULL:
        """One step of a path, of the kind that its first byte says."""
        out = _put(out, b"{", 1)
        if kind & 0x01:
            out = self._account(at, _put(out, b'"account":', 10))
            if out == NULL:
                return NULL
            at += 20
            out = _put(out, b",", 1)
        if kind & 0x10:
            out = _put(out, b'"currency":"', 12)
            out += _currency(at, out)
            at += 20
            out = _put(out, b'",', 2)
        if kind & 0x40:
            out = self._hex(at, 24, _put(out, b'"mpt_issuance_id":', 18))
            at += 24
            out = _put(out, b",", 1)
        if kind & 0x20:
            out = self._account(at, _put(out, b'"issuer":', 9))
            if out == NULL:
                return NULL
            out = _put(out, b",", 1)
        out = _put(out, b'"type":', 7)
        out += digits_decimal(kind, out)
        return _put(out, b"}", 1)


cdef inline char* _put(char* out, const char* text, int64_t size) noexcept nogil:
    memcpy(out, text, size)
    return out + size


cdef inline char* _put_hex(const uint8_t* at, int64_t size, char* out) noexcept nogil:
    """Upper-case hex in quotes."""
    out[0] = c'"'
    digits_hex(at, size, out + 1)
    out[2 * size + 1] = c'"'
    return out + 2 * size + 2


cdef char* _put_ctid(int64_t ledger_index, int64_t index, int64_t network, char* out) noexcept nogil:
    """The member `ctid`, where the numbers fit into one."""
    cdef uint8_t[8] big
    cdef uint64_t number
    cdef int at
    if not (0 <= ledger_index <= 0x0FFFFFFF and 0 <= index <= 0xFFFF and 0 <= network <= 0xFFFF):
        return out
    number = (
        <uint64_t>0xC << 60 | <uint64_t>ledger_index << 32
        | <uint64_t>index << 16 | <uint64_t>network
    )
    for at in range(8):
        big[at] = <uint8_t>(number >> (56 - 8 * at))
    out = _put(out, b',"ctid":"', 9)
    digits_hex(big, 8, out)
    return _put(out + 16, b'"', 1)


cdef inline char* _put_signed(int64_t value, char* out) noexcept nogil:
    cdef uint64_t magnitude = <uint64_t>value
    if value < 0:
        out = _put(out, b"-", 1)
        magnitude = <uint64_t>0 - magnitude
    return out + digits_decimal(magnitude, out)


cdef inline int _width(int kind) noexcept nogil:
    """Bytes of a value of fixed size."""
    if kind == UINT32 or kind == NAME32 or kind == INT32:
        return 4
    if kind == UINT64 or kind == UINT64_BASE10 or kind == INT64:
        return 8
    if kind == UINT16 or kind == NAME16:
        return 2
    if kind == UINT8 or kind == NAME8:
        return 1
    if kind == NUMBER:
        return 12
    if kind == CURRENCY:
        return 20
    return -1


cdef int _fill_by_code(uint16_t* table, dict contexts) except -2:
    memset(table, 0, 65536 * sizeof(uint16_t))
    for code, inside in contexts.items():
        table[<uint16_t>code] = <uint16_t>inside
    return 0


cdef bytes _json_text(str text):
    """A name in quotes. Names with characters that JSON would escape are refused by the tables."""
    return b'"' + text.encode("ascii") + b'"'


# --- objects ------------------------------------------------------------------------------------

DEF ALWAYS = 1
DEF WITH_FIELD = 2
DEF WITH_FLAG = 3

cdef class NodeChoice:
    """Which affected nodes of metadata are shown: see `node_filter.NodeFilter`.

    Args:
        fields: the field codes.
        entries: for the code of each entry type that is shown: None for all nodes of that type, the
            name of a field, or bits of `Flags` that a part of the node must have.
    """

    cdef uint8_t[65536] shown     # by entry type; 0: no node of that type
    cdef dict conditions          # by entry type: the id of a field, or bits
    cdef int nodes                # the fields that matter, by their ids
    cdef int flags
    cdef set kinds

    def __init__(self, FieldCodes fields not None, dict entries not None):
        ids = fields.id_by_name
        memset(self.shown, 0, sizeof(self.shown))
        self.nodes = ids.get("AffectedNodes", 0)
        self.flags = ids.get("Flags", 0)
        kinds = ("CreatedNode", "ModifiedNode", "DeletedNode")
        self.kinds = {ids[kind] for kind in kinds if kind in ids}
        self.conditions = {}
        for code, condition in entries.items():
            if condition is None:
                self.shown[<uint16_t>code] = ALWAYS
            elif type(condition) is str:
                self.shown[<uint16_t>code] = WITH_FIELD
                self.conditions[code] = ids.get(condition, -1)
            else:
                self.shown[<uint16_t>code] = WITH_FLAG
                self.conditions[code] = condition


cdef class ObjectReader:
    """Decodes blobs to the objects that the decoder in Python makes, in the shape of records.

    Args:
        fields: the field codes.
        addresses: addresses by account: the decoder's own cache.
        record: whether the shape is that of records; else it is the server's.
    """

    cdef FieldCodes fields
    cdef object addresses
    cdef bint record
    cdef cython.pymutex lock      # for all that follows
    # What a node has that is passed over: the field that is looked for, and all bits of its flags.
    cdef int sought, flags
    cdef bint has_sought
    cdef uint32_t seen_flags

    def __init__(self, FieldCodes fields not None, object addresses, bint record):
        self.fields = fields
        self.addresses = addresses
        self.record = record
        self.sought = self.flags = -1

    def read(self, bytes data not None, NodeChoice choice=None):
        """The fields of a transaction, metadata or ledger object; None to decline.

        Args:
            data: the bytes.
            choice: which affected nodes the fields show; all without it.
        """
        cdef Blob blob
        blob.data = <const uint8_t*>PyBytes_AS_STRING(data)
        blob.position = 0
        blob.end = PyBytes_GET_SIZE(data)
        if choice is None:
            return self._object(&blob, 0, None)
        with self.lock:
            return self._object(&blob, 0, choice)

    def read_shown(self, bytes data not None, bytes spans not None, NodeChoice choice not None):
        """What `read` gives of the metadata of those transactions of a ledger that show any node.

        Args:
            data: their bytes.
            spans: where they are, as in `LineWriter.lines`.

        Returns:
            the place of each, and the fields; None in their stead where it would decline.
        """
        cdef int64_t nth, count = PyBytes_GET_SIZE(spans) // 16, size = PyBytes_GET_SIZE(data)
        cdef uint32_t[4] span
        cdef Blob meta
        cdef list found = []
        cdef object fields, name = self.fields.names[choice.nodes]
        meta.data = <const uint8_t*>PyBytes_AS_STRING(data)
        for nth in range(count):
            memcpy(span, PyBytes_AS_STRING(spans) + 16 * nth, 16)
            meta.position = span[2]
            meta.end = meta.position + span[3]
            fields = None
            if meta.end <= size:
                with self.lock:
                    fields = self._object(&meta, 0, choice)
            if fields is None or (<dict>fields).get(name) != []:
                found.append((nth, fields))
        return found

    def is_ordinary(self, bytes data not None):
        """Whether `read` would not decline it."""
        cdef Blob blob
        blob.data = <const uint8_t*>PyBytes_AS_STRING(data)
        blob.position = 0
        blob.end = PyBytes_GET_SIZE(data)
        with self.lock:
            return self._pass_object(&blob, 0) == 0

    cdef object _object(self, Blob* blob, int depth, NodeChoice choice):
        cdef FieldCodes fields = self.fields
        cdef uint32_t last = 0
        cdef int field
        cdef dict found = {}
        if depth > MAX_DEPTH:
            return None
        while True:
            if blob.position >= blob.end:
                return None if depth else found
            if blob.data[blob.position] == OBJECT_END:
                if not depth:
                    return None
                blob.position += 1
                return found
            field = fields.next_field(blob.data, &blob.position, blob.end, &last)
            if choice is not None and field == choice.nodes:
                value = self._nodes(blob, choice)
            else:
                value = self._value(blob, field, depth)
            if value is None:
                return None
            PyDict_SetItem(found, fields.names[field], value)

    cdef object _nodes(self, Blob* blob, NodeChoice choice):
        """The affected nodes that are shown, in the order of the metadata."""
        cdef uint32_t last
        cdef int field
        cdef int64_t begin
        cdef list found = []
        while True:
            if blob.position >= blob.end:
                return None
            if blob.data[blob.position] == ARRAY_END:
                blob.position += 1
                return found
            last = 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            if self.fields.kinds[field] != OBJECT:
                return None
            begin = blob.position
            if field in choice.kinds and not self._is_shown(blob, choice):
                if blob.position < 0:
                    return None
                continue
            blob.position = begin
            value = self._object(blob, 2, None)
            if value is None:
                return None
            found.append({self.fields.names[field]: value})

    cdef bint _is_shown(self, Blob* blob, NodeChoice choice) except -1:
        """Whether a node is wanted. If not it is passed over; then a position of -1 is to decline."""
        cdef int code, status
        cdef uint8_t when
        # The type of the entry has the lowest code of all fields, so it comes first.
        if blob.position + 3 > blob.end or blob.data[blob.position] != 0x11:
            return True
        code = _be16(blob.data + blob.position + 1)
        when = choice.shown[code]
        if when == ALWAYS:
            return True
        self.has_sought, self.seen_flags = False, 0
        if when == WITH_FIELD:
            self.sought = choice.conditions[code]
        elif when == WITH_FLAG:
            self.flags = choice.flags
        status = self._pass_object(blob, 2)
        self.sought = self.flags = -1
        if status < 0:
            blob.position = -1
            return False
        if when == WITH_FIELD:
            return self.has_sought
        return when == WITH_FLAG and self.seen_flags & <uint32_t>choice.conditions[code] != 0

    # What is passed over has been checked as if it were read: each method returns 0, or -1 where the
    # method that reads would decline.

    cdef int _pass_object(self, Blob* blob, int depth) except -2:
        cdef uint32_t last = 0
        cdef int field
        if depth > MAX_DEPTH:
            return -1
        while True:
            if blob.position >= blob.end:
                return -1 if depth else 0
            if blob.data[blob.position] == OBJECT_END:
                if not depth:
                    return -1
                blob.position += 1
                return 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            if depth == 3:  # the fields of an entry, in a part of a node
                if field == self.sought:
                    self.has_sought = True
                elif field == self.flags and blob.position + 4 <= blob.end:
                    self.seen_flags |= _be32(blob.data + blob.position)
            if self._pass_value(blob, field, depth) < 0:
                return -1

    cdef int _pass_array(self, Blob* blob, int depth) except -2:
        cdef uint32_t last
        cdef int field
        if depth > MAX_DEPTH:
            return -1
        while True:
            if blob.position >= blob.end:
                return -1
            if blob.data[blob.position] == ARRAY_END:
                blob.position += 1
                return 0
            last = 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            if self.fields.kinds[field] != OBJECT or self._pass_object(blob, depth + 1) < 0:
                return -1

    cdef int _pass_value(self, Blob* blob, int field, int depth) except -2:
        cdef int kind = self.fields.kinds[field]
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef int64_t size
        if kind == OBJECT:
            return self._pass_object(blob, depth + 1)
        if kind == ARRAY:
            return self._pass_array(blob, depth + 1)
        if kind == PATH_SET:
            return -1 if self._paths(blob) is None else 0
        if kind == ISSUE:
            return -1 if self._issue(blob) is None else 0
        if kind == BRIDGE:
            return -1 if self._bridge(blob) is None else 0
        if kind == ACCOUNT or kind == BLOB or kind == VECTOR256:
            size = _length(blob.data, &blob.position, blob.end)
            if size < 0 or (kind == ACCOUNT and size != 0 and size != 20):
                return -1
            if kind == VECTOR256 and size % 32:
                return -1
            blob.position += size
            return 0
        if kind == HEX:
            size = self.fields.sizes[field]
        elif kind == AMOUNT:
            if left < 8:
                return -1
            size = 48 if at[0] & 0x80 else 33 if at[0] & 0x20 else 8
        else:
            size = _width(kind)
        if size < 0 or left < size:
            return -1
        blob.position += size
        if kind == NAME16:
            return 0 if _be16(at) in <dict>self.fields.codes[field] else -1
        if kind == NAME8:
            return 0 if at[0] in <dict>self.fields.codes[field] else -1
        if kind == NAME32:
            return 0 if _be32(at) in <dict>self.fields.codes[field] else -1
        return 0

    cdef object _array(self, Blob* blob, int depth):
        cdef uint32_t last
        cdef int field
        cdef list found = []
        if depth > MAX_DEPTH:
            return None
        while True:
            if blob.position >= blob.end:
                return None
            if blob.data[blob.position] == ARRAY_END:
                blob.position += 1
                return found
            last = 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            if self.fields.kinds[field] != OBJECT:
                return None
            value = self._object(blob, depth + 1, None)
            if value is None:
                return None
            found.append({self.fields.names[field]: value})

    cdef object _value(self, Blob* blob, int field, int depth):
        cdef int kind = self.fields.kinds[field]
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef int64_t size
        cdef char[TEXT_ROOM] text
        if kind == OBJECT:
            return self._object(blob, depth + 1, None)
        if kind == ARRAY:
            return self._array(blob, depth + 1)
        if kind == HEX:
            size = self.fields.sizes[field]
            if left < size:
                return None
            blob.position += size
            return _hex_text(at, size)
        if kind == AMOUNT:
            return self._amount(blob)
        if kind == ACCOUNT or kind == BLOB or kind == VECTOR256:
            size = _length(blob.data, &blob.position, blob.end)
            if size < 0:
                return None
            at = blob.data + blob.position
            blob.position += size
            if kind == BLOB:
                return _hex_text(at, size)
            if kind == VECTOR256:
                if size % 32:
                    return None
                return [_hex_text(at + 32 * nth, 32) for nth in range(size // 32)]
            if size == 0:
                return ""
            return self._address(at) if size == 20 else None
        if kind == PATH_SET:
            return self._paths(blob)
        if kind == ISSUE:
            return self._issue(blob)
        if kind == BRIDGE:
            return self._bridge(blob)
        size = _width(kind)
        if size < 0 or left < size:
            return None
        blob.position += size
        if kind == UINT32:
            return _be32(at)
        if kind == UINT16:
            return _be16(at)
        if kind == UINT8:
            return at[0]
        if kind == NAME16:
            return (<dict>self.fields.codes[field]).get(_be16(at))
        if kind == NAME8:
            return (<dict>self.fields.codes[field]).get(at[0])
        if kind == NAME32:
            return (<dict>self.fields.codes[field]).get(_be32(at))
        if kind == INT32:
            return <int32_t>_be32(at)
        if kind == UINT64:
            return _ascii(text, digits_low_hex(_be64(at), text))
        if kind == UINT64_BASE10:
            return _ascii(text, digits_decimal(_be64(at), text))
        if kind == INT64:
            return str(<int64_t>_be64(at))
        if kind == NUMBER:
            return _ascii(text, _number(<int64_t>_be64(at), <int32_t>_be32(at + 8), text))
        if kind == CURRENCY:
            return _ascii(text, _currency(at, text))
        return None

    cdef object _address(self, const uint8_t* at):
        key = PyBytes_FromStringAndSize(<const char*>at, 20)
        # A reference of its own: another thread may make the cache forget all.
        found = (<dict>self.addresses).get(key)
        return found if found is not None else self.addresses[key]

    cdef object _amount(self, Blob* blob):
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef uint64_t word
        cdef char[TEXT_ROOM] text
        cdef int size = 0
        if left < 8:
            return None
        word = _be64(at)
        if at[0] & 0x80:
            if left < 48:
                return None
            blob.position += 48
            return {
                "currency": _ascii(text, _currency(at + 8, text)),
                "issuer": self._address(at + 28),
                "value": _ascii(text, _issued_value(word, text)),
            }
        if at[0] & 0x20:
            if left < 33:
                return None
            blob.position += 33
            word = _be64(at + 1)
            if word and not at[0] & 0x40:
                text[0] = c"-"
                size = 1
            value = _ascii(text, size + digits_decimal(word, text + size))
            issuance = _hex_text(at + 9, 24)
            if self.record:
                return {"currency": "", "issuer": "", "value": value, "mpt_issuance_id": issuance}
            return {"mpt_issuance_id": issuance, "value": value}
        blob.position += 8
        if not word & 0x4000000000000000ULL:
            text[0] = c"-"
            size = 1
        value = _ascii(text, size + digits_decimal(word & 0x3FFFFFFFFFFFFFFFULL, text + size))
        return {"currency": "XRP", "issuer": "", "value": value} if self.record else value

    cdef object _issue(self, Blob* blob):
        cdef const uint8_t* at = blob.data + blob.position
        cdef int64_t left = blob.end - blob.position
        cdef uint8_t[24] issuance
        cdef char[TEXT_ROOM] text
        cdef int nth
        if left < 20:
            return None
        if memcmp(at, XRP, 20) == 0:
            blob.position += 20
            return {"currency": "XRP"}
        if left < 40:
            return None
        if memcmp(at + 20, XRP, 20) != 0 and memcmp(at + 20, NO_ACCOUNT, 20) != 0:
            blob.position += 40
            return {
                "currency": _ascii(text, _currency(at, text)),
                "issuer": self._address(at + 20),
            }
        if left < 44:
            return None
        blob.position += 44
        for nth in range(4):
            issuance[nth] = at[40 + nth] if at[39] == 0 else at[43 - nth]
        memcpy(issuance + 4, at, 20)
        return {"mpt_issuance_id": _hex_text(issuance, 24)}

    cdef object _bridge(self, Blob* blob):
        cdef int64_t size
        cdef dict bridge = {}
        for chain in ("LockingChain", "IssuingChain"):
            size = _length(blob.data, &blob.position, blob.end)
            if size != 0 and size != 20:
                return None
            bridge[chain + "Door"] = self._address(blob.data + blob.position) if size else ""
            blob.position += size
            issue = self._issue(blob)
            if issue is None:
                return None
            bridge[chain + "Issue"] = issue
        return bridge

    cdef object _paths(self, Blob* blob):
        cdef list paths = []
        cdef list steps = []
        cdef dict parts
        cdef int kind, size
        cdef const uint8_t* at
        cdef char[TEXT_ROOM] text
        while True:
            if blob.position >= blob.end:
                return None
            kind = blob.data[blob.position]
            blob.position += 1
            if kind == 0x00 or kind == 0xFF:
                if not steps:
                    return None
                paths.append({"steps": steps} if self.record else steps)
                steps = []
                if kind == 0x00:
                    return paths
                continue
            if kind & ~0x71:
                return None
            size = 20 * ((kind & 1) + (kind >> 4 & 1) + (kind >> 5 & 1)) + 24 * (kind >> 6 & 1)
            if blob.end - blob.position < size:
                return None
            at = blob.data + blob.position
            blob.position += size
            parts = {}
            if kind & 0x01:
                parts["account"] = self._address(at)
                at += 20
            if kind & 0x10:
                parts["currency"] = _ascii(text, _currency(at, text))
                at += 20
            if kind & 0x40:
                parts["mpt_issuance_id"] = _hex_text(at, 24)
                at += 24
            if kind & 0x20:
                parts["issuer"] = self._address(at)
                at += 20
            parts["type"] = kind
            steps.append(parts)


cdef inline str _ascii(const char* text, int size):
    return PyUnicode_DecodeASCII(text, size, NULL)


cdef str _hex_text(const uint8_t* at, int64_t size):
    cdef char[512] small
    cdef bytes digits
    cdef char* out = small
    if size > 256:
        digits = PyBytes_FromStringAndSize(NULL, 2 * size)
        out = PyBytes_AS_STRING(digits)
    digits_hex(at, size, out)
    return PyUnicode_DecodeASCII(out, 2 * size, NULL)


# --- lines and objects of JSON to bytes ---------------------------------------------------------

DEF HASH = 1
DEF LEDGER_INDEX = 2
DEF META = 3
DEF DERIVED = 4
DEF SPAN = 4
DEF MOST_BYTES = 0x7FFFFFFF

cdef struct Text:
    const char* at               # where reading goes on
    const char* end

cdef struct Piece:
    const char* at
    int64_t size

cdef struct Asset:               # the members of an amount, an issue or a step of a path; at is NULL without one
    Piece currency, issuer, value, issuance, account

cdef struct Name:
    const char* text
    int64_t size
    int64_t number


cdef class _Names:
    """Numbers by name, looked up without making an object of the name."""

    cdef list kept
    cdef Name* slots
    cdef uint64_t mask

    def __cinit__(self, dict numbers not None):
        cdef uint64_t room = 16, at
        cdef bytes text
        self.kept = []
        while room < 3 * <uint64_t>len(numbers):
            room *= 2
        self.mask = room - 1
        self.slots = <Name*>PyMem_Malloc(room * sizeof(Name))
        if self.slots == NULL:
            raise MemoryError
        memset(self.slots, 0, room * sizeof(Name))
        for name, number in numbers.items():
            text = (<str?>name).encode()
            self.kept.append(text)
            at = self._slot(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            while self.slots[at].text != NULL:
                at = (at + 1) & self.mask
            self.slots[at].text = PyBytes_AS_STRING(text)
            self.slots[at].size = PyBytes_GET_SIZE(text)
            self.slots[at].number = number

    def __dealloc__(self):
        PyMem_Free(self.slots)

    cdef inline uint64_t _slot(self, const char* text, int64_t size) noexcept nogil:
        return _mixed(text, size) & self.mask

    cdef inline int64_t find(self, Piece name) noexcept nogil:
        """The number of a name; -1 where it has none."""
        cdef uint64_t at = self._slot(name.at, name.size)
        while self.slots[at].text != NULL:
            if (
                self.slots[at].size == name.size
                and memcmp(self.slots[at].text, name.at, name.size) == 0
            ):
                return self.slots[at].number
            at = (at + 1) & self.mask
        return -1


cdef inline uint64_t _mixed(const char* text, int64_t size) noexcept nogil:
    """A number that differs for most texts: made of their ends, as names differ there."""
    cdef uint64_t first = 0, last = 0
    if size >= 8:
        memcpy(&first, text, 8)
        memcpy(&last, text + size - 8, 8)
    else:
        memcpy(&first, text, size)
    first = (first ^ last * 0x9E3779B97F4A7C15ULL ^ <uint64_t>size) * 0xD6E8FEB86659FD93ULL
    return first ^ first >> 32


cdef class LineReader:
    """Encodes records, as their lines of JSON, to the bytes that they were decoded from.

    It reads leniently and refuses nothing for its form: only who writes the line of these bytes again,
    and compares, knows that the line was theirs. What it cannot read at all it declines. JSON with
    spaces is among that, and members in another order than the bytes.

    Args:
        fields: the field codes.
        accounts: accounts by address, made when first asked for; raises for anything that is not an address.
        derived: the members of a record that are not in its bytes, beside `hash` and `ledger_index`.
    """

    cdef FieldCodes fields
    cdef object accounts
    cdef _Names names
    cdef _Names members           # of a record, which are no fields
    cdef list codes               # for fields with names of codes: _Names
    cdef uint32_t* field_codes    # type << 8 | nth, by field
    cdef cython.pymutex lock      # for all that follows
    cdef char* out
    cdef int64_t size
    cdef int64_t room
    cdef uint32_t* spans          # SPAN numbers for each record
    cdef uint8_t* ids
    cdef int64_t rows
    # Addresses that were met, each in the one slot where it may stand.
    cdef char* addresses
    cdef uint8_t* address_sizes
    cdef uint8_t* known

    def __cinit__(self, FieldCodes fields not None, object accounts, *, derived):
        cdef int code, at
        self.fields = fields
        self.accounts = accounts
        self.names = _Names(fields.id_by_name)
        self.members = _Names(
            {**dict.fromkeys(derived, DERIVED), "hash": HASH, "ledger_index": LEDGER_INDEX, "meta": META}
        )
        self.codes = [
            None if names is None else _Names({str(name): code for code, name in names.items()})
            for names in fields.codes
        ]
        self.room = 4096
        self.rows = 64
        self.out = <char*>PyMem_Malloc(self.room)
        self.spans = <uint32_t*>PyMem_Malloc(self.rows * SPAN * sizeof(uint32_t))
        self.ids = <uint8_t*>PyMem_Malloc(self.rows * 32)
        self.field_codes = <uint32_t*>PyMem_Malloc(fields.count * sizeof(uint32_t))
        self.addresses = <char*>PyMem_Malloc(ADDRESS_SLOTS * ADDRESS_ROOM)
        self.address_sizes = <uint8_t*>PyMem_Malloc(ADDRESS_SLOTS)
        self.known = <uint8_t*>PyMem_Malloc(ADDRESS_SLOTS * 20)
        if (
            self.out == NULL or self.spans == NULL or self.ids == NULL or self.field_codes == NULL
            or self.addresses == NULL or self.address_sizes == NULL or self.known == NULL
        ):
            raise MemoryError
        memset(self.address_sizes, 0, ADDRESS_SLOTS)
        self.field_codes[0] = 0
        for code in range(65536):
            at = fields.ids[code]
            if at:
                self.field_codes[at] = code

    def __dealloc__(self):
        PyMem_Free(self.out)
        PyMem_Free(self.spans)
        PyMem_Free(self.ids)
        PyMem_Free(self.field_codes)
        PyMem_Free(self.addresses)
        PyMem_Free(self.address_sizes)
        PyMem_Free(self.known)

    def object(self, bytes text not None):
        """The bytes of one object; None to decline."""
        cdef Text json
        json.at = PyBytes_AS_STRING(text)
        json.end = json.at + PyBytes_GET_SIZE(text)
        with self.lock:
            self.size = 0
            try:
                if self._object(&json, 0) < 0 or json.at != json.end:
                    return None
            except Exception:  # an address that is none
                return None
            return PyBytes_FromStringAndSize(self.out, self.size)

    def ledger(self, bytes text not None, int64_t begin, int64_t first=0):
        """The records of one ledger, from the line that begins there; None to decline all of them.

        They are read up to a line of another ledger, or to the end of the text.

        Args:
            first: the TransactionIndex of the first one; the others count on from there.

        Returns:
            Where the next line begins; the ledger's index; and data, spans and ids, see
            `TransactionBlobs`. The ids are what the lines say.
        """
        cdef int64_t count = 0, before, index, of = -1
        cdef Text json
        if not 0 <= begin < PyBytes_GET_SIZE(text):
            return None
        json.at = PyBytes_AS_STRING(text) + begin
        json.end = PyBytes_AS_STRING(text) + PyBytes_GET_SIZE(text)
        cdef const char* line = json.at
        with self.lock:
            self.size = 0
            try:
                while json.at < json.end:
                    line = json.at
                    before = self.size
                    if count == self.rows:
                        self._more_rows()
                    index = self._record(&json, count)
                    if index < 0 or self.size > MOST_BYTES:
                        return None
                    if count and index != of:
                        self.size = before
                        json.at = line
                        break
                    if not self._is_nth(count, first + count):
                        return None
                    of = index
                    count += 1
            except Exception:  # an address that is none
                return None
            return (
                json.at - PyBytes_AS_STRING(text),
                of,
                PyBytes_FromStringAndSize(self.out, self.size),
                PyBytes_FromStringAndSize(<const char*>self.spans, count * SPAN * sizeof(uint32_t)),
                PyBytes_FromStringAndSize(<const char*>self.ids, count * 32),
            )

    cdef bint _is_nth(self, int64_t nth, int64_t index) noexcept:
        """Whether the metadata of a record says that it has this index."""
        cdef const uint8_t* meta = <const uint8_t*>self.out + self.spans[SPAN * nth + 2]
        return (
            self.spans[SPAN * nth + 3] >= 6
            and meta[0] == 0x20 and meta[1] == 0x1C
            and _be32(meta + 2) == index
        )

    cdef int64_t _record(self, Text* json, int64_t nth) except -2:
        """A line as one more record, at its place; the index of its ledger."""
        cdef Piece name
        cdef int64_t field, index = -1
        cdef uint32_t last = 0
        cdef uint32_t* span = self.spans + SPAN * nth
        cdef bint has_hash = False, has_meta = False
        span[0] = <uint32_t>self.size
        if not _take(json, c"{"):
            return -1
        while True:
            if _string(json, &name) < 0 or not _take(json, c":"):
                return -1
            field = self.names.find(name)
            if field > 0:
                # What stands behind the metadata would come between the two blobs.
                if has_meta or self._field(json, field, &last, 0) < 0:
                    return -1
            else:
                field = self.members.find(name)
                if field == META:
                    if has_meta:
                        return -1
                    has_meta = True
                    span[1] = <uint32_t>self.size - span[0]
                    span[2] = <uint32_t>self.size
                    if self._object(json, 0) < 0:
                        return -1
                    span[3] = <uint32_t>self.size - span[2]
                elif field == HASH:
                    has_hash = True
                    if (
                        _string(json, &name) < 0 or name.size != 64
                        or not _digits(name, self.ids + 32 * nth)
                    ):
                        return -1
                elif field == LEDGER_INDEX:
                    if _number_of(json, &name) < 0 or name.size > 10:
                        return -1
                    index = <int64_t>_whole(name)
                elif field != DERIVED or _skip(json) < 0:
                    return -1
            if _take(json, c","):
                continue
            if not _take(json, c"}") or not _take(json, c"\n"):
                return -1
            return index if has_hash and has_meta else -1

    cdef int _more_rows(self) except -2:
        spans = <uint32_t*>PyMem_Realloc(self.spans, 2 * self.rows * SPAN * sizeof(uint32_t))
        if spans == NULL:
            raise MemoryError
        self.spans = spans
        ids = <uint8_t*>PyMem_Realloc(self.ids, 2 * self.rows * 32)
        if ids == NULL:
            raise MemoryError
        self.ids = ids
        self.rows *= 2
        return 0

    # Each method below returns 0, or -1 to decline; `_need` makes room before anything is written.

    cdef inline int _need(self, int64_t more) except -2:
        if self.size + more <= self.room:
            return 0
        cdef int64_t room = self.room
        while room < self.size + more:
            room *= 2
        grown = <char*>PyMem_Realloc(self.out, room)
        if grown == NULL:
            raise MemoryError
        self.out = grown
        self.room = room
        return 0

    cdef inline int _bytes(self, const char* data, int64_t size) except -2:
        self._need(size)
        memcpy(self.out + self.size, data, size)
        self.size += size
        return 0

    cdef inline int _big(self, uint64_t value, int size) except -2:
        """A number in `size` bytes, the highest first."""
        cdef int at
        self._need(8)
        for at in range(size):
            self.out[self.size + at] = <char>(value >> (8 * (size - 1 - at)) & 0xFF)
        self.size += size
        return 0

    cdef int _prefix(self, int64_t size) except -2:
        """The length that stands before `size` bytes: `length.encode_length`."""
        if size <= 192:
            return self._big(size, 1)
        if size <= 12480:
            size -= 193
            return self._big((193 + (size >> 8)) << 8 | (size & 0xFF), 2)
        if size <= 918744:
            size -= 12481
            return self._big((241 + (size >> 16)) << 16 | (size & 0xFFFF), 3)
        return -1

    cdef int _object(self, Text* json, int depth) except -2:
        cdef uint32_t last = 0
        cdef Piece name
        cdef int64_t field
        if depth > MAX_DEPTH or not _take(json, c"{"):
            return -1
        if _take(json, c"}"):
            return 0
        while True:
            if _string(json, &name) < 0 or not _take(json, c":"):
                return -1
            field = self.names.find(name)
            if field <= 0 or self._field(json, field, &last, depth) < 0:
                return -1
            if _take(json, c","):
                continue
            return 0 if _take(json, c"}") else -1

    cdef inline int _field(self, Text* json, int64_t field, uint32_t* last, int depth) except -2:
        cdef uint32_t code = self.field_codes[field]
        if code <= last[0]:
            return -1
        last[0] = code
        self._header(code)
        return self._value(json, <int>field, depth)

    cdef inline int _header(self, uint32_t code) except -2:
        cdef uint32_t high = code >> 8, low = code & 0xFF
        if high < 16 and low < 16:
            return self._big(high << 4 | low, 1)
        if high < 16:
            return self._big(high << 12 | low, 2)
        if low < 16:
            return self._big(low << 8 | high, 2)
        return self._big(high << 8 | low, 3)

    cdef int _value(self, Text* json, int field, int depth) except -2:
        cdef int kind = self.fields.kinds[field]
        cdef Piece text
        cdef int64_t code
        if kind == OBJECT:
            if self._object(json, depth + 1) < 0:
                return -1
            return self._big(OBJECT_END, 1)
        if kind == ARRAY:
            return self._array(json, depth + 1)
        if kind == AMOUNT:
            return self._amount(json)
        if kind == UINT32:
            return self._unsigned(json, 4)
        if kind == UINT16:
            return self._unsigned(json, 2)
        if kind == UINT8:
            return self._unsigned(json, 1)
        if kind == INT32:
            return self._signed(json)
        if kind == VECTOR256:
            return self._hashes(json)
        if kind == PATH_SET:
            return self._paths(json)
        if kind == ISSUE:
            return self._issue(json)
        if kind == BRIDGE:
            return self._bridge(json)
        if _string(json, &text) < 0:
            return -1
        if kind == HEX:
            return self._hex(text) if text.size == 2 * self.fields.sizes[field] else -1
        if kind == ACCOUNT:
            return self._prefixed_account(text)
        if kind == BLOB:
            return self._hex(text) if self._prefix(text.size >> 1) == 0 else -1
        if kind == NAME16 or kind == NAME8 or kind == NAME32:
            code = (<_Names>self.codes[field]).find(text)
            return self._big(<uint64_t>code, _width(kind)) if code >= 0 else -1
        if kind == UINT64:
            return self._low_hex(text)
        if kind == UINT64_BASE10:
            return self._big(_whole(text), 8) if _is_whole(text) else -1
        if kind == INT64:
            if text.size and text.at[0] == c"-":
                text.at += 1
                text.size -= 1
                return self._big(<uint64_t>0 - _whole(text), 8) if _is_whole(text) else -1
            return self._big(_whole(text), 8) if _is_whole(text) else -1
        if kind == NUMBER:
            return self._number(text)
        if kind == CURRENCY:
            return self._currency(text)
        return -1

    cdef int _unsigned(self, Text* json, int size) except -2:
        cdef Piece text
        if _number_of(json, &text) < 0 or text.size > 10:
            return -1
        cdef uint64_t number = _whole(text)
        return -1 if number >> (8 * size) else self._big(number, size)

    cdef int _signed(self, Text* json) except -2:
        cdef bint negative = _take(json, c"-")
        cdef Piece text
        if _number_of(json, &text) < 0 or text.size > 10:
            return -1
        cdef uint64_t number = _whole(text)
        if number > 0x80000000ULL:
            return -1
        return self._big(<uint32_t>(<uint64_t>0 - number if negative else number), 4)

    cdef int _low_hex(self, Piece text) except -2:
        """A number in lower-case hex."""
        cdef uint64_t number = 0
        cdef int64_t at
        cdef int digit
        if not 0 < text.size <= 16:
            return -1
        for at in range(text.size):
            digit = HEX_VALUES[<uint8_t>text.at[at]]
            if digit > 15:
                return -1
            number = number << 4 | <uint64_t>digit
        return self._big(number, 8)

    cdef inline int _hex(self, Piece text) except -2:
        if text.size & 1:
            return -1
        self._need(text.size >> 1)
        if not _digits(text, <uint8_t*>self.out + self.size):
            return -1
        self.size += text.size >> 1
        return 0

    cdef int _prefixed_account(self, Piece address) except -2:
        if address.size == 0:
            return self._big(0, 1)
        self._big(20, 1)
        return self._account(address)

    cdef int _account(self, Piece address) except -2:
        cdef uint32_t slot
        if address.at == NULL or address.size > ADDRESS_ROOM or address.size == 0:
            return -1
        slot = <uint32_t>_mixed(address.at, address.size) & (ADDRESS_SLOTS - 1)
        if self.address_sizes[slot] != address.size or memcmp(
            self.addresses + ADDRESS_ROOM * slot, address.at, address.size
        ):
            account = self.accounts[address.at[:address.size].decode("ascii")]
            if type(account) is not bytes or len(<bytes>account) != 20:
                return -1
            memcpy(self.addresses + ADDRESS_ROOM * slot, address.at, address.size)
            memcpy(self.known + 20 * slot, PyBytes_AS_STRING(account), 20)
            self.address_sizes[slot] = <uint8_t>address.size
        return self._bytes(<const char*>self.known + 20 * slot, 20)

    cdef int _currency(self, Piece text) except -2:
        if text.at == NULL:
            return -1
        if text.size == 40:
            return self._hex(text)
        if text.size == 1 and text.at[0] == c"1":
            return self._bytes(<const char*>NO_ACCOUNT, 20)
        if text.size != 3:
            return -1
        self._need(20)
        memset(self.out + self.size, 0, 20)
        if memcmp(text.at, b"XRP", 3) != 0:
            memcpy(self.out + self.size + 12, text.at, 3)
        self.size += 20
        return 0

    cdef int _amount(self, Text* json) except -2:
        cdef Asset asset
        cdef Piece value
        cdef uint64_t word
        cdef bint negative
        if _asset(json, &asset) < 0 or asset.value.at == NULL:
            return -1
        value = asset.value
        negative = value.size > 0 and value.at[0] == c"-"
        if asset.issuance.at != NULL:
            value.at += negative
            value.size -= negative
            if not _is_whole(value) or asset.issuance.size != 48:
                return -1
            self._big(0x20 if negative else 0x60, 1)
            self._big(_whole(value), 8)
            return self._hex(asset.issuance)
        if asset.issuer.at == NULL or asset.currency.at == NULL:
            return -1
        if asset.issuer.size == 0:
            value.at += negative
            value.size -= negative
            if asset.currency.size != 3 or not _is_whole(value):
                return -1
            word = _whole(value)
            if word >> 62:
                return -1
            return self._big(word if negative else word | 0x4000000000000000ULL, 8)
        if self._issued_word(value, &word) < 0:
            return -1
        self._big(word, 8)
        if self._currency(asset.currency) < 0:
            return -1
        return self._account(asset.issuer)

    cdef int _issued_word(self, Piece text, uint64_t* word) except -2:
        """The eight bytes of an issued value: `numbers.issued_word`."""
        cdef uint64_t digits
        cdef int64_t exponent
        cdef bint negative
        if _parse_decimal(text, &negative, &digits, &exponent) < 0:
            return -1
        if digits == 0:
            word[0] = 0x8000000000000000ULL
            return 0
        while digits < 1000000000000000ULL:
            digits *= 10
            exponent -= 1
        while digits >= 10000000000000000ULL:
            if digits % 10:
                return -1
            digits //= 10
            exponent += 1
        if exponent < -96 or exponent > 80:
            return -1
        word[0] = (
            0x8000000000000000ULL | (0 if negative else 0x4000000000000000ULL)
            | <uint64_t>(exponent + 97) << 54 | digits
        )
        return 0

    cdef int _number(self, Piece text) except -2:
        """A Number: `numbers.number_parts`."""
        cdef uint64_t digits
        cdef int64_t exponent
        cdef bint negative
        if _parse_decimal(text, &negative, &digits, &exponent) < 0:
            return -1
        if digits == 0:
            self._big(0, 8)
            return self._big(0x80000000, 4)
        while digits < 1000000000000000000ULL and digits <= 0x7FFFFFFFFFFFFFFFULL // 10:
            digits *= 10
            exponent -= 1
        while digits > 0x7FFFFFFFFFFFFFFFULL:
            if digits % 10:
                return -1
            digits //= 10
            exponent += 1
        if exponent < -32768 or exponent > 32768:
            return -1
        self._big(<uint64_t>0 - digits if negative else digits, 8)
        return self._big(<uint32_t><int32_t>exponent, 4)

    cdef int _array(self, Text* json, int depth) except -2:
        cdef Piece name
        cdef int64_t field
        if depth > MAX_DEPTH or not _take(json, c"["):
            return -1
        if _take(json, c"]"):
            return self._big(ARRAY_END, 1)
        while True:
            if not _take(json, c"{") or _string(json, &name) < 0 or not _take(json, c":"):
                return -1
            field = self.names.find(name)
            if field <= 0 or self.fields.kinds[field] != OBJECT:
                return -1
            self._header(self.field_codes[field])
            if self._object(json, depth + 1) < 0 or not _take(json, c"}"):
                return -1
            self._big(OBJECT_END, 1)
            if _take(json, c","):
                continue
            return self._big(ARRAY_END, 1) if _take(json, c"]") else -1

    cdef int _hashes(self, Text* json) except -2:
        cdef Piece text
        cdef int64_t begin = self.size, count
        # The length stands before, and how many there are is known behind: three bytes are the most.
        cdef Text ahead = json[0]
        count = 0
        if not _take(&ahead, c"["):
            return -1
        if not _take(&ahead, c"]"):
            while True:
                if _string(&ahead, &text) < 0 or text.size != 64:
                    return -1
                count += 1
                if not _take(&ahead, c","):
                    break
            if not _take(&ahead, c"]"):
                return -1
        if self._prefix(32 * count) < 0:
            return -1
        _take(json, c"[")
        for begin in range(count):
            _string(json, &text)
            _take(json, c",")
            if self._hex(text) < 0:
                return -1
        return 0 if _take(json, c"]") else -1

    cdef int _paths(self, Text* json) except -2:
        cdef Asset step
        cdef bint first = True
        cdef int kind
        cdef Piece name
        if not _take(json, c"["):
            return -1
        while True:
            if not _take(json, c"{") or _string(json, &name) < 0 or not _take(json, c":"):
                return -1
            if name.size != 5 or memcmp(name.at, b"steps", 5) != 0 or not _take(json, c"["):
                return -1
            if not first:
                self._big(0xFF, 1)
            first = False
            while True:
                if _asset(json, &step) < 0:
                    return -1
                kind = (
                    (0x01 if step.account.at != NULL else 0)
                    | (0x10 if step.currency.at != NULL else 0)
                    | (0x40 if step.issuance.at != NULL else 0)
                    | (0x20 if step.issuer.at != NULL else 0)
                )
                self._big(kind, 1)
                if (
                    (kind & 0x01 and self._account(step.account) < 0)
                    or (kind & 0x10 and self._currency(step.currency) < 0)
                    or (kind & 0x40 and self._hex(step.issuance) < 0)
                    or (kind & 0x20 and self._account(step.issuer) < 0)
                ):
                    return -1
                if not _take(json, c","):
                    break
            if not _take(json, c"]") or not _take(json, c"}"):
                return -1
            if _take(json, c","):
                continue
            return self._big(0x00, 1) if _take(json, c"]") else -1

    cdef int _issue(self, Text* json) except -2:
        cdef Asset asset
        cdef uint8_t[24] issuance
        if _asset(json, &asset) < 0:
            return -1
        if asset.issuance.at != NULL:
            # Sequence, issuer; written as issuer, mark, sequence in little-endian order.
            if asset.issuance.size != 48 or not _digits(asset.issuance, issuance):
                return -1
            self._bytes(<const char*>issuance + 4, 20)
            self._bytes(<const char*>NO_ACCOUNT, 20)
            self._big(issuance[3], 1)
            self._big(issuance[2], 1)
            self._big(issuance[1], 1)
            return self._big(issuance[0], 1)
        if self._currency(asset.currency) < 0:
            return -1
        return 0 if asset.issuer.at == NULL else self._account(asset.issuer)

    cdef int _bridge(self, Text* json) except -2:
        cdef Piece text
        cdef int member
        if not _take(json, c"{"):
            return -1
        # Door and asset of one chain, and of the other: which is which only the order says.
        for member in range(4):
            if member and not _take(json, c","):
                return -1
            if _string(json, &text) < 0 or not _take(json, c":"):
                return -1
            if member & 1:
                if self._issue(json) < 0:
                    return -1
            elif _string(json, &text) < 0 or self._prefixed_account(text) < 0:
                return -1
        return 0 if _take(json, c"}") else -1


# What is read of JSON: each moves on behind it, and returns 0, or -1 where it is not there.

cdef inline bint _take(Text* json, char mark) noexcept nogil:
    if json.at < json.end and json.at[0] == mark:
        json.at += 1
        return True
    return False

cdef inline int _string(Text* json, Piece* text) noexcept nogil:
    """A text, up to the next quotation mark: one with escapes comes out wrong, and is found out."""
    cdef const char* end
    if not _take(json, c'"'):
        return -1
    end = <const char*>memchr(json.at, c'"', json.end - json.at)
    if end == NULL:
        return -1
    text.at = json.at
    text.size = end - json.at
    json.at = end + 1
    return 0

cdef inline int _number_of(Text* json, Piece* text) noexcept nogil:
    """The digits of a whole number."""
    text.at = json.at
    while json.at < json.end and c"0" <= json.at[0] <= c"9":
        json.at += 1
    text.size = json.at - text.at
    return 0 if text.size else -1

cdef inline bint _is_whole(Piece text) noexcept nogil:
    """Whether these are the digits of a number that fits into 64 bits, or nearly so."""
    cdef int64_t at
    for at in range(text.size):
        if not c"0" <= text.at[at] <= c"9":
            return False
    return 0 < text.size <= 20

cdef inline uint64_t _whole(Piece digits) noexcept nogil:
    cdef uint64_t number = 0
    cdef int64_t at
    for at in range(digits.size):
        number = 10 * number + <uint64_t>(digits.at[at] - c"0")
    return number

cdef inline bint _digits(Piece text, uint8_t* out) noexcept nogil:
    """The bytes of hex digits; whether they all are digits."""
    return digits_bytes(text.at, text.size >> 1, out)

cdef int _skip(Text* json) noexcept nogil:
    """Any value."""
    cdef Piece text
    cdef int open_ = 0
    cdef char mark
    while json.at < json.end:
        mark = json.at[0]
        if mark == c'"':
            if _string(json, &text) < 0:
                return -1
        elif mark == c"{" or mark == c"[":
            open_ += 1
            json.at += 1
        elif mark == c"}" or mark == c"]" or mark == c",":
            if open_ == 0:
                return 0
            open_ -= mark != c","
            json.at += 1
        else:
            json.at += 1
    return -1

cdef int _asset(Text* json, Asset* asset) noexcept nogil:
    """An object of texts; `type` of a step of a path, which its other members say as well, is left out."""
    cdef Piece name, value
    memset(asset, 0, sizeof(Asset))
    if not _take(json, c"{"):
        return -1
    while True:
        if _string(json, &name) < 0 or not _take(json, c":"):
            return -1
        if name.size == 4 and memcmp(name.at, b"type", 4) == 0:
            if _number_of(json, &value) < 0:
                return -1
        elif _string(json, &value) < 0:
            return -1
        elif name.size == 8 and memcmp(name.at, b"currency", 8) == 0:
            asset.currency = value
        elif name.size == 6 and memcmp(name.at, b"issuer", 6) == 0:
            asset.issuer = value
        elif name.size == 5 and memcmp(name.at, b"value", 5) == 0:
            asset.value = value
        elif name.size == 15 and memcmp(name.at, b"mpt_issuance_id", 15) == 0:
            asset.issuance = value
        elif name.size == 7 and memcmp(name.at, b"account", 7) == 0:
            asset.account = value
        else:
            return -1
        if _take(json, c","):
            continue
        return 0 if _take(json, c"}") else -1

cdef int _parse_decimal(
    Piece value, bint* negative, uint64_t* digits, int64_t* exponent
) noexcept nogil:
    """A decimal number of up to 19 digits, with a point or an exponent; -1 for anything else."""
    cdef const char* text = value.at
    cdef int64_t size = value.size
    cdef Py_ssize_t at = 0
    cdef int seen = 0
    cdef bint point = False, minus = False
    cdef int64_t shown = 0
    digits[0] = 0
    exponent[0] = 0
    negative[0] = size > 0 and text[0] == c"-"
    if negative[0]:
        at = 1
    if at >= size:
        return -1
    while at < size and text[at] != c"e":
        if text[at] == c"." and not point:
            point = True
        elif c"0" <= text[at] <= c"9":
            if digits[0] or text[at] != c"0":
                seen += 1
            if seen > 19:
                return -1
            digits[0] = digits[0] * 10 + <uint64_t>(text[at] - c"0")
            if point:
                exponent[0] -= 1
        else:
            return -1
        at += 1
    if at == size:
        return 0
    at += 1
    if at < size and text[at] == c"-":
        minus = True
        at += 1
    if at >= size or size - at > 6:
        return -1
    while at < size:
        if not c"0" <= text[at] <= c"9":
            return -1
        shown = shown * 10 + (text[at] - c"0")
        at += 1
    exponent[0] += -shown if minus else shown
    return 0


# --- rows of tables -----------------------------------------------------------------------------

include "_table_rows.pxi"
