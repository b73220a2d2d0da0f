# Blobs to lines of JSON. Included by _compiled.pyx.

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


cdef int _fill_by_code(uint16_t* table, dict contexts) except -2:
    memset(table, 0, 65536 * sizeof(uint16_t))
    for code, inside in contexts.items():
        table[<uint16_t>code] = <uint16_t>inside
    return 0


cdef bytes _json_text(str text):
    """A name in quotes. Names with characters that JSON would escape are refused by the tables."""
    return b'"' + text.encode("ascii") + b'"'
