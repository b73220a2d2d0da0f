# Blobs to objects. Included by _compiled.pyx.

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
                value = self._array(blob, 1, choice)
            else:
                value = self._value(blob, field, depth)
            if value is None:
                return None
            PyDict_SetItem(found, fields.names[field], value)

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

    cdef object _array(self, Blob* blob, int depth, NodeChoice choice):
        """The elements; of affected nodes, those of the choice."""
        cdef uint32_t last
        cdef int field
        cdef int64_t begin
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
            begin = blob.position
            if choice is not None and field in choice.kinds and not self._is_shown(blob, choice):
                if blob.position < 0:
                    return None
                continue
            blob.position = begin
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
            return self._array(blob, depth + 1, None)
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
