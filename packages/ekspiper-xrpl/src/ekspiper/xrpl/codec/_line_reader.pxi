# Lines and objects of JSON to the blobs that they were made of. Included by _compiled.pyx.

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
