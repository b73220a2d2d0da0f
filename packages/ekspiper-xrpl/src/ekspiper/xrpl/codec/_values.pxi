# Bytes to numbers, and numbers and currencies to text. Included by _compiled.pyx.

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
