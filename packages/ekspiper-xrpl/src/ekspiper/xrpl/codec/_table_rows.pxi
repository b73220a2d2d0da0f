# Rows of tables, straight from blobs into columns. Included by _compiled.pyx.
#
# The rows are those that the explorer makes of decoded objects. Here they are made of ordinary
# transactions alone. Everything else is declined, one transaction at a time, and its rows come in as
# Python tuples. So the explorer's functions stay the reference.

cdef extern from *:
    """
    #ifdef __SIZEOF_INT128__
    typedef __int128 wide_int;
    #define WIDE_DIGITS 37
    #else
    typedef long long wide_int;
    #define WIDE_DIGITS 17
    #endif
    #define BILLIONS 1000000000000000000LL
    """
    ctypedef long long wide_int  # of 128 bits, where the compiler has them
    const int WIDE_DIGITS        # that surely fit
    const int64_t BILLIONS       # the largest power of ten that 64 bits with a sign hold

from cpython.bytearray cimport PyByteArray_FromStringAndSize

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, PyObject* overflow) except? -1.0

# What a column holds; the numbers of table_reader.py.
cdef enum CellKind:
    CELL_INTEGER = 0
    CELL_FLOAT = 1
    CELL_TEXT = 2
    CELL_CATEGORY = 3
    CELL_BOOLEAN = 4

DEF PASS_NODES = 0             # what is done with affected nodes
DEF COLLECT_CHANGES = 1
DEF SEEK_TRADES = 2
DEF COLLECT_TRADES = 3
DEF FIRST_ROWS = 1024
DEF ACCOUNT_SLOTS = 8192      # a power of two; 64 bytes each
DEF CURRENCIES = 65536        # that are remembered
DEF MOST_CHANGES = 128        # of one transaction
DEF MOST_TOKENS = 32          # nodes of multi-purpose tokens of one transaction
DEF MOST_EXPONENT = 30        # beyond it, values are written with an exponent: declined
DEF MOST_TRADES = 64          # of one transaction
DEF PARTIAL = 0x00020000      # the flag of a payment that may deliver less than it says

cdef struct CellColumn:
    int kind
    uint8_t* missing          # a byte for each row
    int64_t* numbers          # integers, floats, places of categories; of texts, where each begins
    char* data                # of texts
    int64_t data_room


cdef class TableColumns:
    """The columns of a table while it is made.

    Args:
        kinds: what each column holds, see `CellKind`.
    """

    cdef cython.pymutex lock      # for all that follows
    cdef CellColumn* columns
    cdef int count
    cdef int64_t rows, room
    cdef list places              # of a category: its place, by the text

    def __cinit__(self, list kinds not None):
        cdef int nth
        self.count = len(kinds)
        self.columns = <CellColumn*>PyMem_Malloc((self.count + 1) * sizeof(CellColumn))
        if self.columns == NULL:
            raise MemoryError
        memset(self.columns, 0, (self.count + 1) * sizeof(CellColumn))
        self.places = []
        for nth in range(self.count):
            self.columns[nth].kind = kinds[nth]
            self.places.append({} if kinds[nth] == CELL_CATEGORY else None)
        self._make_room(FIRST_ROWS)

    def __dealloc__(self):
        cdef int nth
        if self.columns != NULL:
            for nth in range(self.count):
                _free_cells(self.columns + nth)
        PyMem_Free(self.columns)

    def __len__(self):
        return self.rows

    def add(self, tuple row not None):
        """One row of Python values, each in its place; None is missing."""
        cdef int nth
        cdef Py_ssize_t size
        cdef const char* text
        if len(row) != self.count:
            raise ValueError(f"a row of {len(row)} cells for {self.count} columns")
        with self.lock:
            self._make_room(self.rows + 1)
            for nth in range(self.count):
                cell = row[nth]
                if cell is None:
                    self.put_none(nth, self.rows)
                elif self.columns[nth].kind == CELL_FLOAT:
                    self.put_float(nth, self.rows, cell)
                elif self.columns[nth].kind == CELL_TEXT:
                    named = str(cell)
                    text = PyUnicode_AsUTF8AndSize(named, &size)
                    self.put_text(nth, self.rows, text, size)
                elif self.columns[nth].kind == CELL_CATEGORY:
                    # A code without a name stands there as a number.
                    self.put_category(nth, self.rows, str(cell).encode())
                else:
                    self.put_integer(nth, self.rows, cell)
            self.rows += 1

    def take(self):
        """What the columns hold, which is then gone: for each, a byte for each row that says whether
        the cell is missing, the values, and the bytes of texts or the dict of categories. The first two
        may be written to."""
        cdef int nth
        cdef int64_t size
        cdef CellColumn* column
        taken = []
        with self.lock:
            for nth in range(self.count):
                column = self.columns + nth
                size = self.rows + (1 if column.kind == CELL_TEXT else 0)
                missing = PyByteArray_FromStringAndSize(<char*>column.missing, self.rows)
                values = PyByteArray_FromStringAndSize(
                    <char*>column.numbers, size * <Py_ssize_t>sizeof(int64_t)
                )
                rest = self.places[nth]
                if column.kind == CELL_TEXT:
                    rest = PyBytes_FromStringAndSize(column.data, column.numbers[self.rows])
                # One by one, so that no more than one column is there twice.
                _free_cells(column)
                taken.append((missing, values, rest))
                self.places[nth] = None if self.places[nth] is None else {}
            self.rows = self.room = 0
        return taken

    cdef int _make_room(self, int64_t rows) except -1:
        """Room for so many rows in all columns."""
        cdef int nth
        cdef int64_t room = self.room if self.room else FIRST_ROWS
        cdef CellColumn* column
        if rows <= self.room:
            return 0
        while room < rows:
            room *= 2
        for nth in range(self.count):
            column = self.columns + nth
            missing = <uint8_t*>PyMem_Realloc(column.missing, room)
            if missing == NULL:
                raise MemoryError
            column.missing = missing
            numbers = <int64_t*>PyMem_Realloc(column.numbers, (room + 1) * sizeof(int64_t))
            if numbers == NULL:
                raise MemoryError
            if self.room == 0:
                numbers[0] = 0
            column.numbers = numbers
        self.room = room
        return 0

    # Each method below writes one cell of a row that there is room for. A row counts when `rows` says so:
    # until then it may be written again.

    cdef inline void put_none(self, int nth, int64_t row) noexcept:
        cdef CellColumn* column = self.columns + nth
        column.missing[row] = 1
        if column.kind == CELL_TEXT:
            column.numbers[row + 1] = column.numbers[row]
        else:
            column.numbers[row] = 0

    cdef inline void put_integer(self, int nth, int64_t row, int64_t value) noexcept:
        self.columns[nth].missing[row] = 0
        self.columns[nth].numbers[row] = value

    cdef inline void put_float(self, int nth, int64_t row, double value) noexcept:
        self.columns[nth].missing[row] = 0
        (<double*>self.columns[nth].numbers)[row] = value

    cdef inline int put_category(self, int nth, int64_t row, bytes text) except -1:
        cdef dict places = <dict>self.places[nth]
        cdef PyObject* found = PyDict_GetItem(places, text)
        self.columns[nth].missing[row] = 0
        if found == NULL:
            self.columns[nth].numbers[row] = len(places)
            places[text] = len(places)
        else:
            self.columns[nth].numbers[row] = <object>found
        return 0

    cdef inline char* text_room(self, int nth, int64_t row, int64_t size) except NULL:
        """Where the text of a cell goes."""
        cdef CellColumn* column = self.columns + nth
        cdef int64_t begin = column.numbers[row], room
        column.missing[row] = 0
        column.numbers[row + 1] = begin + size
        if begin + size > column.data_room or column.data == NULL:
            room = column.data_room if column.data_room else 16 * FIRST_ROWS
            while room < begin + size:
                room *= 2
            data = <char*>PyMem_Realloc(column.data, room)
            if data == NULL:
                raise MemoryError
            column.data = data
            column.data_room = room
        return column.data + begin

    cdef inline int put_text(self, int nth, int64_t row, const char* text, int64_t size) except -1:
        memcpy(self.text_room(nth, row, size), text, size)
        return 0


cdef void _free_cells(CellColumn* column) noexcept:
    PyMem_Free(column.missing)
    PyMem_Free(column.numbers)
    PyMem_Free(column.data)
    column.missing = NULL
    column.numbers = NULL
    column.data = NULL
    column.data_room = 0


# What of a transaction, its metadata or an entry a table needs.
cdef enum TableRole:
    NOT_NEEDED = 0
    IS_TYPE
    IS_ACCOUNT
    IS_DESTINATION
    IS_FLAGS
    IS_SEQUENCE
    IS_FEE
    IS_AMOUNT
    IS_SEND_MAX
    IS_TAG
    IS_DELEGATE
    IS_INDEX
    IS_RESULT
    IS_DELIVERED
    IS_NODES
    IS_ENTRY_INDEX
    IS_NEW
    IS_FINAL
    IS_PREVIOUS
    IS_BALANCE
    IS_LOW
    IS_HIGH
    IS_CREATED
    IS_MODIFIED
    IS_DELETED
    IS_POOL
    IS_ISSUER
    IS_ISSUANCE
    IS_HELD
    IS_OUTSTANDING
    IS_GETS
    IS_PAYS

# The field of each role, and the kind that it must have. What the definitions do not know does not stand
# in ordinary bytes.
_ROLE_FIELDS = {
    IS_TYPE: ("TransactionType", NAME16),
    IS_ACCOUNT: ("Account", ACCOUNT),
    IS_DESTINATION: ("Destination", ACCOUNT),
    IS_FLAGS: ("Flags", UINT32),
    IS_SEQUENCE: ("Sequence", UINT32),
    IS_FEE: ("Fee", AMOUNT),
    IS_AMOUNT: ("Amount", AMOUNT),
    IS_SEND_MAX: ("SendMax", AMOUNT),
    IS_TAG: ("DestinationTag", UINT32),
    IS_DELEGATE: ("Delegate", ACCOUNT),
    IS_INDEX: ("TransactionIndex", UINT32),
    IS_RESULT: ("TransactionResult", NAME8),
    IS_DELIVERED: ("DeliveredAmount", AMOUNT),
    IS_NODES: ("AffectedNodes", ARRAY),
    IS_ENTRY_INDEX: ("LedgerIndex", HEX),
    IS_NEW: ("NewFields", OBJECT),
    IS_FINAL: ("FinalFields", OBJECT),
    IS_PREVIOUS: ("PreviousFields", OBJECT),
    IS_BALANCE: ("Balance", AMOUNT),
    IS_LOW: ("LowLimit", AMOUNT),
    IS_HIGH: ("HighLimit", AMOUNT),
    IS_CREATED: ("CreatedNode", OBJECT),
    IS_MODIFIED: ("ModifiedNode", OBJECT),
    IS_DELETED: ("DeletedNode", OBJECT),
    IS_POOL: ("AMMID", HEX),
    IS_ISSUER: ("Issuer", ACCOUNT),
    IS_ISSUANCE: ("MPTokenIssuanceID", HEX),
    IS_HELD: ("MPTAmount", UINT64_BASE10),
    IS_OUTSTANDING: ("OutstandingAmount", UINT64_BASE10),
    IS_GETS: ("TakerGets", AMOUNT),
    IS_PAYS: ("TakerPays", AMOUNT),
}

cdef struct Seen:                 # of a transaction; NULL where it is not there
    int type_code
    const uint8_t* account
    const uint8_t* destination
    const uint8_t* fee
    const uint8_t* amount
    const uint8_t* send_max
    const uint8_t* delegate
    const uint8_t* tag
    const uint8_t* delivered
    uint32_t flags, sequence, index
    bint has_sequence, has_nodes
    int result

cdef struct Part:                 # of an affected node
    bint is_there, is_empty, has_flags, is_pool
    uint32_t flags
    const uint8_t* account
    const uint8_t* balance
    const uint8_t* low
    const uint8_t* high
    const uint8_t* issuer
    const uint8_t* issuance
    const uint8_t* sequence
    const uint8_t* held
    const uint8_t* outstanding
    const uint8_t* gets
    const uint8_t* pays

cdef struct Node:
    int role                      # IS_CREATED, IS_MODIFIED or IS_DELETED
    int entry
    bint has_index
    Part now
    Part before

cdef struct Token:                # a node of a multi-purpose token or of its issuance
    Node node
    uint8_t[24] issuance
    uint64_t count                # how much a holder has, or all have
    bint is_holder

cdef struct Worth:                # an exact amount of something
    const uint8_t* currency       # NULL for XRP and for a multi-purpose token
    const uint8_t* issuer
    const uint8_t* issuance       # NULL for everything else
    wide_int mantissa
    int exponent

cdef struct Trade:
    bint with_pool
    const uint8_t* maker
    Worth gave
    Worth got

cdef struct Change:
    const uint8_t* account
    Worth worth
    char[40] account_text         # the longest address has 35 letters
    char[40] currency_text
    char[40] issuer_text
    char[48] issuance_text
    int account_size, currency_size, issuer_size, issuance_size

cdef struct AccountText:
    uint8_t[20] account
    uint8_t size                  # 0 where the place is empty
    char[43] text


cdef class TableReader(ObjectReader):
    """Makes rows of tables, see explorer/_tables.

    A method with `first` returns the place of the next transaction, from that one on, that it does not
    deal with: its rows must be made in Python. It is the number of transactions when all is done.

    Args:
        fields: the field codes.
        addresses: addresses by account.
        types: of transactions: their names by code.
        results: likewise.
        entries: the codes of the entry types AccountRoot, RippleState, MPToken, MPTokenIssuance and
            Offer.
        delivering: codes of the transaction types that deliver an amount.
        liquidity: codes of those that put assets into pools or take them out, without trading.
        success: the code of the result tesSUCCESS.
        currency: the name to show for a currency's code.
        flags: the names of a transaction's flags, by its type and them.
        line_flag, token_flag: the bits of `Flags` by which a line or a token is that of a pool.

    Raises:
        ValueError: a field is of another kind in these definitions.
    """

    cdef uint8_t* roles               # by field
    cdef dict types, results
    cdef int account_root, trust_line, token, issuance, offer
    cdef uint8_t[65536] delivering, liquidity
    cdef int success
    cdef object currency_name, flag_names
    cdef dict currencies, flag_texts
    cdef uint32_t line_flag, token_flag
    cdef AccountText* accounts
    cdef Change* changes
    cdef int change_count
    cdef Token* tokens
    cdef int token_count
    cdef Trade[MOST_TRADES] trades_made
    cdef int trade_count

    def __cinit__(self, FieldCodes fields not None, *_, **__):
        self.roles = <uint8_t*>PyMem_Malloc(fields.count)
        self.accounts = <AccountText*>PyMem_Malloc(ACCOUNT_SLOTS * sizeof(AccountText))
        self.changes = <Change*>PyMem_Malloc(MOST_CHANGES * sizeof(Change))
        self.tokens = <Token*>PyMem_Malloc(MOST_TOKENS * sizeof(Token))
        if (
            self.roles == NULL or self.accounts == NULL or self.changes == NULL
            or self.tokens == NULL
        ):
            raise MemoryError
        memset(self.roles, NOT_NEEDED, fields.count)
        memset(self.accounts, 0, ACCOUNT_SLOTS * sizeof(AccountText))

    def __init__(
        self,
        FieldCodes fields not None,
        object addresses,
        *,
        dict types not None,
        dict results not None,
        tuple entries not None,
        set delivering not None,
        set liquidity not None,
        int success,
        object currency,
        object flags,
        uint32_t line_flag,
        uint32_t token_flag,
    ):
        cdef int field
        ObjectReader.__init__(self, fields, addresses, True)
        for role, (name, kind) in _ROLE_FIELDS.items():
            field = fields.id_by_name.get(name, 0)
            if field == 0:
                continue
            if fields.kinds[field] != kind or (role == IS_ISSUANCE and fields.sizes[field] != 24):
                raise ValueError(f"{name} is not what tables know")
            self.roles[field] = role
        self.types = {code: name.encode() for code, name in types.items()}
        self.results = {code: name.encode() for code, name in results.items()}
        self.account_root, self.trust_line, self.token, self.issuance, self.offer = entries
        memset(self.delivering, 0, sizeof(self.delivering))
        memset(self.liquidity, 0, sizeof(self.liquidity))
        for code in delivering:
            self.delivering[<uint16_t>code] = 1
        for code in liquidity:
            self.liquidity[<uint16_t>code] = 1
        self.success = success
        self.currency_name, self.flag_names = currency, flags
        self.currencies, self.flag_texts = {}, {}
        self.line_flag, self.token_flag = line_flag, token_flag

    def __dealloc__(self):
        PyMem_Free(self.roles)
        PyMem_Free(self.accounts)
        PyMem_Free(self.changes)
        PyMem_Free(self.tokens)

    # --- what the explorer calls

    def columns(self, list kinds not None):
        """Columns to make a table in."""
        return TableColumns(kinds)

    def transactions(
        self, TableColumns out not None, tuple blobs not None, int64_t first, int type_code,
        int64_t ledger_index, int64_t close_time, int64_t network_id, bint late,
    ):
        """Rows of the table of transactions.

        Args:
            out: the columns.
            blobs: data, spans and ids of a ledger's transactions, see `LineWriter.lines`.
            first: the place of the first transaction.
            type_code: of the transactions that are wanted; -1 for all.
            ledger_index: of the ledger.
            close_time: in seconds of the Unix epoch.
            network_id: for `ctid`.
            late: as in `LineWriter.line`.
        """
        cdef Blob tx, meta
        cdef Seen seen
        cdef const uint8_t* id
        cdef int64_t nth, count = _count_of(blobs)
        with self.lock, out.lock:
            for nth in range(first, count):
                id = self._enter(blobs, nth, count, &tx, &meta)
                if (
                    id == NULL
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, PASS_NODES) < 0
                ):
                    return nth
                if type_code >= 0 and type_code != seen.type_code:
                    continue
                if self._transaction_row(out, id, &seen, ledger_index, close_time, network_id, late) < 0:
                    return nth
        return count

    def balance_changes(
        self, TableColumns out not None, tuple blobs not None, int64_t first, int64_t ledger_index,
        int64_t close_time, bytes account,
    ):
        """Rows of the table of balance changes; of one account if it is given."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef const uint8_t* id
        cdef int64_t nth, count = _count_of(blobs)
        if account is not None and PyBytes_GET_SIZE(account) != 20:
            raise ValueError("an account has 20 bytes")
        with self.lock, out.lock:
            for nth in range(first, count):
                id = self._enter(blobs, nth, count, &tx, &meta)
                if id == NULL or self._read_transaction(&tx, &seen) < 0:
                    return nth
                if self._read_metadata(&meta, &seen, COLLECT_CHANGES) < 0 or self._add_tokens() < 0:
                    return nth
                if self._change_rows(out, id, &seen, ledger_index, close_time, account) < 0:
                    return nth
        return count

    def of_type(self, tuple blobs not None, int64_t first, int type_code, bint only_successes):
        """The next transaction of a type, or of those the next that succeeded."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef int64_t nth, count = _count_of(blobs)
        with self.lock:
            for nth in range(first, count):
                if (
                    self._enter(blobs, nth, count, &tx, &meta) == NULL
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, PASS_NODES) < 0
                    or (
                        seen.type_code == type_code
                        and (not only_successes or seen.result == self.success)
                    )
                ):
                    return nth
        return count

    def payments(
        self, TableColumns out not None, tuple blobs not None, int64_t first, int type_code,
        int64_t ledger_index, int64_t close_time, bint late,
    ):
        """Rows of the table of payments; `type_code` is that of Payment, the others as above."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef const uint8_t* id
        cdef int64_t nth, count = _count_of(blobs)
        cdef int mode
        with self.lock, out.lock:
            for nth in range(first, count):
                id = self._enter(blobs, nth, count, &tx, &meta)
                if id == NULL or self._read_transaction(&tx, &seen) < 0:
                    return nth
                mode = COLLECT_CHANGES if seen.type_code == type_code else PASS_NODES
                if self._read_metadata(&meta, &seen, mode) < 0:
                    return nth
                if seen.type_code != type_code or seen.result != self.success:
                    continue
                if (
                    self._add_tokens() < 0
                    or self._payment_row(out, id, &seen, ledger_index, close_time, late) < 0
                ):
                    return nth
        return count

    def trades(
        self, TableColumns out not None, tuple blobs not None, int64_t first, int64_t ledger_index,
        int64_t close_time,
    ):
        """Rows of the table of trades."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef const uint8_t* id
        cdef int64_t nth, count = _count_of(blobs)
        with self.lock, out.lock:
            for nth in range(first, count):
                id = self._enter(blobs, nth, count, &tx, &meta)
                if (
                    id == NULL
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, COLLECT_TRADES) < 0
                    or (not self.liquidity[seen.type_code] and self._add_pool_trades() < 0)
                    or self._trade_rows(out, id, &seen, ledger_index, close_time) < 0
                ):
                    return nth
        return count

    def trading(self, tuple blobs not None, int64_t first):
        """The next transaction that may have traded with an offer or a pool."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef int64_t nth, count = _count_of(blobs)
        with self.lock:
            for nth in range(first, count):
                if (
                    self._enter(blobs, nth, count, &tx, &meta) == NULL
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, SEEK_TRADES) < 0
                ):
                    return nth
        return count

    def touching(self, tuple blobs not None, int64_t first, bytes account not None):
        """The next transaction in whose bytes an account may stand."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef int64_t nth, count = _count_of(blobs)
        cdef bytes data = blobs[0]
        if PyBytes_GET_SIZE(account) != 20:
            raise ValueError("an account has 20 bytes")
        with self.lock:
            for nth in range(first, count):
                if self._enter(blobs, nth, count, &tx, &meta) == NULL:
                    return nth
                if (
                    data.find(account, tx.position, tx.end) >= 0
                    or data.find(account, meta.position, meta.end) >= 0
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, PASS_NODES) < 0
                ):
                    return nth
        return count

    def totals(self, tuple blobs not None):
        """What all transactions paid in drops, and how many of them failed; None to decline."""
        cdef Blob tx, meta
        cdef Seen seen
        cdef int64_t nth, drops, count = _count_of(blobs)
        cdef int64_t failed = 0
        fees = 0
        with self.lock:
            for nth in range(count):
                if (
                    self._enter(blobs, nth, count, &tx, &meta) == NULL
                    or self._read_transaction(&tx, &seen) < 0
                    or self._read_metadata(&meta, &seen, PASS_NODES) < 0
                    or not _drops(seen.fee, &drops)
                ):
                    return None
                fees += drops
                failed += seen.result != self.success
        return fees, failed

    # --- reading; each method returns 0, or -1 to decline

    cdef const uint8_t* _enter(
        self, tuple blobs, int64_t nth, int64_t count, Blob* tx, Blob* meta
    ) except? NULL:
        """The id of a transaction, and where its bytes are; NULL where they are not there."""
        cdef bytes data = blobs[0]
        cdef bytes spans = blobs[1]
        cdef bytes ids = blobs[2]
        cdef uint32_t[4] span
        cdef int64_t size = PyBytes_GET_SIZE(data)
        if PyBytes_GET_SIZE(spans) < 16 * (nth + 1):
            return NULL
        memcpy(span, PyBytes_AS_STRING(spans) + 16 * nth, 16)
        tx.data = meta.data = <const uint8_t*>PyBytes_AS_STRING(data)
        tx.position = span[0]
        tx.end = tx.position + span[1]
        meta.position = span[2]
        meta.end = meta.position + span[3]
        if tx.end > size or meta.end > size:
            return NULL
        return <const uint8_t*>PyBytes_AS_STRING(ids) + 32 * nth

    cdef int _read_transaction(self, Blob* blob, Seen* seen) except -2:
        """Its fields; what tables need must be there, and an account must be one."""
        cdef uint32_t last = 0
        cdef int field, role
        cdef const uint8_t* at
        memset(seen, 0, sizeof(Seen))
        seen.type_code = -1
        while blob.position < blob.end:
            if blob.data[blob.position] == OBJECT_END:
                return -1
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            at = blob.data + blob.position
            if self._pass_value(blob, field, 0) < 0:
                return -1
            role = self.roles[field]
            if role == NOT_NEEDED:
                continue
            elif role == IS_TYPE:
                seen.type_code = _be16(at)
            elif role == IS_FLAGS:
                seen.flags = _be32(at)
            elif role == IS_SEQUENCE:
                seen.sequence = _be32(at)
                seen.has_sequence = True
            elif role == IS_ACCOUNT:
                seen.account = at + 1
                if at[0] != 20:
                    return -1
            elif role == IS_DESTINATION:
                seen.destination = at + 1
                if at[0] != 20:
                    return -1
            elif role == IS_FEE:
                seen.fee = at
            elif role == IS_AMOUNT:
                seen.amount = at
            elif role == IS_SEND_MAX:
                seen.send_max = at
            elif role == IS_TAG:
                seen.tag = at
            elif role == IS_DELEGATE:
                if at[0] != 20:
                    return -1
                seen.delegate = at + 1
        if seen.type_code < 0 or seen.account == NULL or seen.fee == NULL:
            return -1
        return 0

    cdef int _read_metadata(self, Blob* blob, Seen* seen, int mode) except -2:
        """Its fields, which must begin with its place in the ledger."""
        cdef uint32_t last = 0
        cdef int field, role
        cdef const uint8_t* at
        if blob.end - blob.position < 6 or _be16(blob.data + blob.position) != 0x201C:
            return -1
        self.change_count = self.token_count = self.trade_count = 0
        seen.index = _be32(blob.data + blob.position + 2)
        seen.result = -1
        while blob.position < blob.end:
            if blob.data[blob.position] == OBJECT_END:
                return -1
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            at = blob.data + blob.position
            role = self.roles[field]
            if role == IS_NODES:
                seen.has_nodes = True
                if mode != PASS_NODES:
                    if self._read_nodes(blob, mode) < 0:
                        return -1
                    continue
            if self._pass_value(blob, field, 0) < 0:
                return -1
            if role == IS_RESULT:
                seen.result = at[0]
            elif role == IS_DELIVERED:
                seen.delivered = at
        return 0 if seen.result >= 0 and seen.has_nodes else -1

    cdef int _read_nodes(self, Blob* blob, int mode) except -2:
        cdef uint32_t last
        cdef int field, role, wanted
        cdef Node node
        while True:
            if blob.position >= blob.end:
                return -1
            if blob.data[blob.position] == ARRAY_END:
                blob.position += 1
                return 0
            last = 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            role = self.roles[field]
            if role != IS_CREATED and role != IS_MODIFIED and role != IS_DELETED:
                return -1
            # The type of the entry has the lowest code of all fields, so it comes first.
            if blob.position + 3 > blob.end or blob.data[blob.position] != 0x11:
                return -1
            node.role = role
            node.entry = _be16(blob.data + blob.position + 1)
            if mode == COLLECT_CHANGES:
                wanted = (
                    node.entry == self.account_root or node.entry == self.trust_line
                    or node.entry == self.token or node.entry == self.issuance
                )
            else:
                wanted = (
                    node.entry == self.offer or node.entry == self.account_root
                    or node.entry == self.trust_line or node.entry == self.token
                )
            if not wanted:
                if self._pass_object(blob, 2) < 0:
                    return -1
                continue
            if self._read_node(blob, &node) < 0:
                return -1
            if mode == SEEK_TRADES:
                if self._may_be_trade(&node):
                    return -1
            elif mode == COLLECT_TRADES:
                if node.entry == self.offer:
                    if self._add_trade_with_offer(&node) < 0:
                        return -1
                elif self._may_be_trade(&node) and self._add_change_of_pool(&node) < 0:
                    return -1
            elif node.entry == self.token or node.entry == self.issuance:
                if self._keep_token(&node) < 0:
                    return -1
            elif self._add_change_of(&node) < 0:
                return -1

    cdef int _read_node(self, Blob* blob, Node* node) except -2:
        cdef uint32_t last = 0
        cdef int field, role
        cdef bint is_new = False
        cdef Part final
        memset(&node.now, 0, sizeof(Part))
        memset(&node.before, 0, sizeof(Part))
        memset(&final, 0, sizeof(Part))
        node.has_index = False
        while True:
            if blob.position >= blob.end:
                return -1
            if blob.data[blob.position] == OBJECT_END:
                blob.position += 1
                break
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            role = self.roles[field]
            if role == IS_NEW or role == IS_FINAL or role == IS_PREVIOUS:
                if self._read_part(
                    blob,
                    &node.now if role == IS_NEW else &final if role == IS_FINAL else &node.before,
                ) < 0:
                    return -1
                continue
            if self._pass_value(blob, field, 2) < 0:
                return -1
            if role == IS_ENTRY_INDEX:
                node.has_index = True
        if node.now.is_there and final.is_there:
            return -1
        if final.is_there:
            node.now = final
        return 0 if node.has_index else -1

    cdef int _read_part(self, Blob* blob, Part* part) except -2:
        cdef uint32_t last = 0
        cdef int field, role
        cdef const uint8_t* at
        part.is_there = part.is_empty = True
        while True:
            if blob.position >= blob.end:
                return -1
            if blob.data[blob.position] == OBJECT_END:
                blob.position += 1
                return 0
            field = self.fields.next_field(blob.data, &blob.position, blob.end, &last)
            at = blob.data + blob.position
            if self._pass_value(blob, field, 3) < 0:
                return -1
            part.is_empty = False
            role = self.roles[field]
            if role == NOT_NEEDED:
                continue
            elif role == IS_FLAGS:
                part.flags = _be32(at)
                part.has_flags = True
            elif role == IS_POOL:
                part.is_pool = True
            elif role == IS_ACCOUNT:
                if at[0] != 20:
                    return -1
                part.account = at + 1
            elif role == IS_BALANCE:
                part.balance = at
            elif role == IS_LOW:
                part.low = at
            elif role == IS_HIGH:
                part.high = at
            elif role == IS_ISSUER:
                if at[0] != 20:
                    return -1
                part.issuer = at + 1
            elif role == IS_ISSUANCE:
                part.issuance = at
            elif role == IS_SEQUENCE:
                part.sequence = at
            elif role == IS_HELD:
                part.held = at
            elif role == IS_OUTSTANDING:
                part.outstanding = at
            elif role == IS_GETS:
                part.gets = at
            elif role == IS_PAYS:
                part.pays = at

    cdef bint _may_be_trade(self, Node* node) noexcept:
        """Whether a trade may show in a node: an offer or something of a pool that has changed."""
        if not node.before.is_there:
            return False
        if node.entry == self.offer:
            return True
        if node.entry == self.account_root:
            return node.now.is_pool or node.before.is_pool
        return ((node.now.flags | node.before.flags) & (
            self.line_flag if node.entry == self.trust_line else self.token_flag
        )) != 0

    # --- rows; each method returns 0, or -1 to decline

    cdef int _transaction_row(
        self, TableColumns out, const uint8_t* id, Seen* seen, int64_t ledger_index,
        int64_t close_time, int64_t network_id, bint late,
    ) except -2:
        cdef int64_t row = out.rows, drops
        cdef int nth
        cdef const uint8_t* amount = NULL
        cdef char* ctid
        if (
            not _drops(seen.fee, &drops)
            or not 0 <= ledger_index <= 0x0FFFFFFF
            or seen.index > 0xFFFF
            or not 0 <= network_id <= 0xFFFF
        ):
            return -1
        if self.delivering[seen.type_code] and seen.result == self.success:
            amount = seen.delivered if seen.delivered != NULL else seen.amount if late else NULL
            if amount == NULL:
                return -1  # how much it was is not known
        if self._place(out, row, id, seen, ledger_index, close_time) < 0:
            return -1
        if self._put_name(out, 4, row, self.types, seen.type_code) < 0:
            return -1
        if self._put_name(out, 5, row, self.results, seen.result) < 0:
            return -1
        if self._put_account(out, 6, row, seen.account) < 0:
            return -1
        if seen.destination == NULL:
            out.put_none(7, row)
        elif self._put_account(out, 7, row, seen.destination) < 0:
            return -1
        if amount == NULL:
            for nth in range(8, 13):
                out.put_none(nth, row)
        elif self._put_amount(out, 8, row, amount) < 0:
            return -1
        out.put_float(13, row, <double>drops / 1000000.0)
        out.put_integer(14, row, drops)
        if seen.has_sequence:
            out.put_integer(15, row, seen.sequence)
        else:
            out.put_none(15, row)
        if self._put_flags(out, 16, row, seen) < 0:
            return -1
        ctid = out.text_room(17, row, 16)
        _write_ctid(ledger_index, seen.index, network_id, ctid)
        out.put_none(18, row)
        out.rows += 1
        return 0

    cdef int _place(
        self, TableColumns out, int64_t row, const uint8_t* id, Seen* seen, int64_t ledger_index,
        int64_t close_time,
    ) except -2:
        """The cells with which every row of a transaction begins, and room for the row."""
        out._make_room(row + 1)
        out.put_integer(0, row, ledger_index)
        out.put_integer(1, row, seen.index)
        out.put_integer(2, row, close_time)
        digits_hex(id, 32, out.text_room(3, row, 64))
        return 0

    cdef int _put_name(
        self, TableColumns out, int nth, int64_t row, dict names, int code
    ) except -2:
        cdef PyObject* name = PyDict_GetItem(names, code)
        if name == NULL:
            return -1
        out.put_category(nth, row, <bytes>name)
        return 0

    cdef int _put_flags(self, TableColumns out, int nth, int64_t row, Seen* seen) except -2:
        cdef PyObject* found
        key = <uint64_t>seen.type_code << 32 | seen.flags
        found = PyDict_GetItem(self.flag_texts, key)
        if found == NULL:
            if len(self.flag_texts) >= CURRENCIES:
                self.flag_texts.clear()
            name = (<bytes>self.types[seen.type_code]).decode()
            self.flag_texts[key] = text = self.flag_names(name, seen.flags).encode()
        else:
            text = <bytes>found
        out.put_text(nth, row, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef int _put_account(
        self, TableColumns out, int nth, int64_t row, const uint8_t* account
    ) except -2:
        cdef AccountText* found = self._account_text(account)
        if found == NULL:
            return -1
        out.put_text(nth, row, found.text, found.size)
        return 0

    cdef AccountText* _account_text(self, const uint8_t* account) except? NULL:
        """The address of an account; it stays where it is until the next one is asked for."""
        cdef uint32_t place = (_be32(account) ^ _be32(account + 8)) & (ACCOUNT_SLOTS - 1)
        cdef AccountText* found = self.accounts + place
        cdef bytes text
        if found.size == 0 or memcmp(found.account, account, 20) != 0:
            text = (<str>self._address(account)).encode("ascii")
            if not 0 < PyBytes_GET_SIZE(text) <= 40:
                return NULL
            memcpy(found.account, account, 20)
            memcpy(found.text, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            found.size = <uint8_t>PyBytes_GET_SIZE(text)
        return found

    cdef tuple _currency_of(self, const uint8_t* code):
        """The name that is shown for a currency, and its code."""
        cdef char[64] text
        cdef PyObject* found
        cdef int size
        key = PyBytes_FromStringAndSize(<const char*>code, 20)
        found = PyDict_GetItem(self.currencies, key)
        if found != NULL:
            return <tuple>found
        size = _currency(code, text)
        if len(self.currencies) >= CURRENCIES:
            self.currencies.clear()
        name = self.currency_name(_ascii(text, size)).encode()
        self.currencies[key] = both = (name, PyBytes_FromStringAndSize(text, size))
        return both

    cdef int _put_currency(
        self, TableColumns out, int nth, int64_t row, const uint8_t* code
    ) except -2:
        """Its name, and its code in the column after it."""
        cdef tuple both = self._currency_of(code)
        text = both[1]
        out.put_category(nth, row, both[0])
        out.put_text(nth + 1, row, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef int _put_amount(
        self, TableColumns out, int nth, int64_t row, const uint8_t* amount
    ) except -2:
        """Five cells: units, currency, its code, issuer, the value as it is printed."""
        cdef char[128] text
        cdef int size = _amount_text(amount, text)
        cdef double units
        if size < 0:
            return -1
        text[size] = 0
        units = PyOS_string_to_double(text, NULL, NULL)
        if amount[0] & 0x80:
            self._put_currency(out, nth + 1, row, amount + 8)
            if self._put_account(out, nth + 3, row, amount + 28) < 0:
                return -1
        elif amount[0] & 0x20:
            self._put_issuance(out, nth + 1, row, amount + 9)
        else:
            units /= 1000000.0
            self._put_currency(out, nth + 1, row, XRP)
            out.put_none(nth + 3, row)
        out.put_float(nth, row, units)
        out.put_text(nth + 4, row, text, size)
        return 0

    cdef int _put_issuance(
        self, TableColumns out, int nth, int64_t row, const uint8_t* issuance
    ) except -2:
        """The three cells that say of which token an amount is."""
        out.put_category(nth, row, b"MPT")
        digits_hex(issuance, 24, out.text_room(nth + 1, row, 48))
        digits_hex(issuance, 24, out.text_room(nth + 2, row, 48))
        return 0

    cdef int _put_worth(self, TableColumns out, int nth, int64_t row, Worth* worth) except -2:
        """Five cells as those of `_put_amount`, of a value that was calculated."""
        cdef char[128] text
        cdef int size = _wide_text(worth.mantissa, worth.exponent, text)
        cdef double units
        if size < 0:
            return -1
        text[size] = 0
        units = PyOS_string_to_double(text, NULL, NULL)
        if worth.issuance != NULL:
            self._put_issuance(out, nth + 1, row, worth.issuance)
        elif worth.currency == NULL:
            units /= 1000000.0
            self._put_currency(out, nth + 1, row, XRP)
            out.put_none(nth + 3, row)
        else:
            self._put_currency(out, nth + 1, row, worth.currency)
            if self._put_account(out, nth + 3, row, worth.issuer) < 0:
                return -1
        out.put_float(nth, row, units)
        out.put_text(nth + 4, row, text, size)
        return 0

    # --- changes of balances

    cdef int _add_change_of(self, Node* node) except -2:
        """The change that a node shows, to those before it; as `derive.balance_changes` does it."""
        cdef Worth now, before, change
        cdef const uint8_t* account
        cdef const uint8_t* low
        cdef const uint8_t* high
        cdef bint is_line = node.entry == self.trust_line
        if (node.now.balance if node.role == IS_CREATED else node.before.balance) == NULL:
            return 0
        if node.now.balance == NULL or not _read_worth(node.now.balance, &now):
            return -1
        before = now
        before.mantissa = 0
        if node.role != IS_CREATED and not _read_worth(node.before.balance, &before):
            return -1
        if now.issuance != NULL or (now.currency == NULL) == is_line:
            return -1
        change = now
        if not _subtract(&now, &before, &change):
            return -1
        if change.mantissa == 0:
            return 0
        if not is_line:
            account = node.now.account if node.now.account != NULL else node.before.account
            return -1 if account == NULL else self._add(account, &change)
        low, high = _end(node, True), _end(node, False)
        if low == NULL or high == NULL:
            return -1
        # The currency of the balance, and what one end gains the other owes.
        change.issuer = high
        if self._add(low, &change) < 0:
            return -1
        change.issuer = low
        change.mantissa = -change.mantissa
        return self._add(high, &change)

    cdef int _keep_token(self, Node* node) except -2:
        """A node of a multi-purpose token, to be looked at with the others of its issuance."""
        cdef Token* token
        cdef const uint8_t* at
        cdef const uint8_t* issuer
        if self.token_count == MOST_TOKENS:
            return -1
        token = self.tokens + self.token_count
        token.node = node[0]
        token.is_holder = node.entry == self.token
        if token.is_holder:
            at = node.now.issuance if node.now.issuance != NULL else node.before.issuance
            if at == NULL or (node.now.account == NULL and node.before.account == NULL):
                return -1
            memcpy(token.issuance, at, 24)
            at = node.now.held
        else:
            at = node.now.sequence if node.now.sequence != NULL else node.before.sequence
            issuer = node.now.issuer if node.now.issuer != NULL else node.before.issuer
            if at == NULL or issuer == NULL:
                return -1
            memcpy(token.issuance, at, 4)
            memcpy(token.issuance + 4, issuer, 20)
            at = node.now.outstanding
        token.count = 0 if at == NULL else _be64(at)
        self.token_count += 1
        return 0

    cdef int _add_tokens(self) except -2:
        """The changes that the nodes of tokens show, each with the others of its issuance."""
        cdef Token* token
        cdef Token* other
        cdef const uint8_t* account
        cdef wide_int held
        cdef Worth delta
        cdef int nth, at, together
        for nth in range(self.token_count):
            token = self.tokens + nth
            held, together = 0, 0
            for at in range(self.token_count):
                other = self.tokens + at
                if memcmp(token.issuance, other.issuance, 24) == 0:
                    together += 1
                    if other.is_holder:
                        held += other.count
            if token.is_holder:
                # What a holder gets, another one or the issuer gives.
                delta.mantissa = _count_delta(token, token.node.before.held, together > 1)
                account = token.node.now.account
                if account == NULL:
                    account = token.node.before.account
            else:
                # The first that is issued is all that there is, and these holders have it.
                delta.mantissa = -_count_delta(
                    token, token.node.before.outstanding, held == token.count
                )
                account = token.node.now.issuer
                if account == NULL:
                    account = token.node.before.issuer
            delta.currency = delta.issuer = NULL
            delta.issuance = token.issuance
            delta.exponent = 0
            if delta.mantissa and self._add(account, &delta) < 0:
                return -1
        return 0

    cdef int _add(self, const uint8_t* account, Worth* worth) except -2:
        """A change of an account's balance, to that of the same thing."""
        cdef Change* change = self._change_of(account, worth)
        if change == NULL:
            return -1
        return 0 if _sum(
            change.worth.mantissa, change.worth.exponent, worth.mantissa, worth.exponent,
            &change.worth.mantissa, &change.worth.exponent,
        ) else -1

    cdef Change* _change_of(self, const uint8_t* account, Worth* worth) noexcept:
        """What there is of an account and a thing so far; NULL where there is no more room."""
        cdef Change* change
        cdef int nth
        for nth in range(self.change_count):
            change = self.changes + nth
            if memcmp(change.account, account, 20) == 0 and _is_same(&change.worth, worth):
                return change
        if self.change_count == MOST_CHANGES:
            return NULL
        change = self.changes + self.change_count
        change.account = account
        change.worth = worth[0]
        change.worth.mantissa = 0
        self.change_count += 1
        return change

    cdef int _sort(self, int* order) except -2:
        """The changes in the order of their texts."""
        cdef int nth, at
        for nth in range(self.change_count):
            if self._put_texts(self.changes + nth) < 0:
                return -1
            at = nth
            while at and _is_before(self.changes + nth, self.changes + order[at - 1]):
                order[at] = order[at - 1]
                at -= 1
            order[at] = nth
        return 0

    cdef int _change_rows(
        self, TableColumns out, const uint8_t* id, Seen* seen, int64_t ledger_index,
        int64_t close_time, bytes only,
    ) except -2:
        cdef int[MOST_CHANGES] order
        cdef Change* change
        cdef int nth
        cdef int64_t row = out.rows
        if self._sort(order) < 0:
            return -1
        for nth in range(self.change_count):
            change = self.changes + order[nth]
            if change.worth.mantissa == 0:
                continue
            if only is not None and memcmp(PyBytes_AS_STRING(only), change.account, 20) != 0:
                continue
            self._place(out, row, id, seen, ledger_index, close_time)
            if self._put_name(out, 4, row, self.types, seen.type_code) < 0:
                return -1
            out.put_text(5, row, change.account_text, change.account_size)
            if self._put_worth(out, 6, row, &change.worth) < 0:
                return -1
            out.put_none(11, row)
            row += 1
        out.rows = row
        return 0

    cdef int _put_texts(self, Change* change) except -2:
        """The texts by which changes are in order."""
        cdef AccountText* found = self._account_text(change.account)
        if found == NULL:
            return -1
        memcpy(change.account_text, found.text, 40)
        change.account_size = found.size
        change.issuer_size = change.currency_size = change.issuance_size = 0
        if change.worth.issuance != NULL:
            digits_hex(change.worth.issuance, 24, change.issuance_text)
            change.issuance_size = 48
            return 0
        if change.worth.currency == NULL:
            memcpy(change.currency_text, b"XRP", 3)
            change.currency_size = 3
            return 0
        change.currency_size = _currency(change.worth.currency, change.currency_text)
        found = self._account_text(change.worth.issuer)
        if found == NULL:
            return -1
        memcpy(change.issuer_text, found.text, 40)
        change.issuer_size = found.size
        return 0

    # --- payments

    cdef int _payment_row(
        self, TableColumns out, const uint8_t* id, Seen* seen, int64_t ledger_index,
        int64_t close_time, bint late,
    ) except -2:
        cdef int[MOST_CHANGES] order
        cdef char[128] text, said
        cdef const uint8_t* amount = seen.delivered
        cdef Change* gained
        cdef Change* spent
        cdef Worth cost
        cdef int64_t row = out.rows, drops
        cdef int nth, size, said_size
        if amount == NULL and late:
            amount = seen.amount
        if amount == NULL or seen.amount == NULL or seen.destination == NULL:
            return -1
        if not _drops(seen.fee, &drops) or self._sort(order) < 0:
            return -1
        gained = self._gained(order, seen)
        spent = self._spent(order, seen, drops, &cost)
        self._place(out, row, id, seen, ledger_index, close_time)
        if self._put_account(out, 4, row, seen.account) < 0:
            return -1
        if self._put_account(out, 5, row, seen.destination) < 0:
            return -1
        if seen.tag == NULL:
            out.put_none(6, row)
        else:
            out.put_integer(6, row, _be32(seen.tag))
        if self._put_amount(out, 7, row, amount) < 0:
            return -1
        if gained == NULL:
            out.put_none(12, row)
            out.put_none(13, row)
        else:
            size = _wide_text(gained.worth.mantissa, gained.worth.exponent, text)
            if size < 0:
                return -1
            text[size] = 0
            out.put_float(
                12, row,
                PyOS_string_to_double(text, NULL, NULL)
                / (1000000.0 if _is_xrp(&gained.worth) else 1.0),
            )
            out.put_text(13, row, text, size)
        if spent == NULL:
            for nth in range(14, 19):
                out.put_none(nth, row)
        elif self._put_worth(out, 14, row, &cost) < 0:
            return -1
        if spent != NULL and not _is_of(&spent.worth, seen.amount):
            out.put_category(19, row, b"exchange")
        else:
            out.put_category(19, row, b"token" if seen.amount[0] & 0xA0 else b"xrp")
        size, said_size = _amount_text(amount, text), _amount_text(seen.amount, said)
        if said_size < 0:
            return -1
        out.put_integer(
            20, row,
            seen.flags & PARTIAL != 0 and (size != said_size or memcmp(text, said, size) != 0),
        )
        out.put_float(21, row, <double>drops / 1000000.0)
        out.put_integer(22, row, drops)
        out.put_none(23, row)
        out.rows += 1
        return 0

    cdef Change* _gained(self, int* order, Seen* seen) noexcept:
        """By how much the receiver's balance of the asset rose, as in `_tables.payments`."""
        cdef Change* change
        cdef int nth
        for nth in range(self.change_count):
            change = self.changes + order[nth]
            if (
                change.worth.mantissa != 0
                and memcmp(change.account, seen.destination, 20) == 0
                and _is_of(&change.worth, seen.amount)
            ):
                return change if change.worth.mantissa > 0 else NULL
        return NULL

    cdef Change* _spent(self, int* order, Seen* seen, int64_t drops, Worth* cost) noexcept:
        """What left the sender without the fee, and how much; as in `_tables.payments`."""
        cdef const uint8_t* wanted = seen.send_max if seen.send_max != NULL else seen.amount
        cdef bint pays_fee = (
            seen.delegate == NULL or memcmp(seen.delegate, seen.account, 20) == 0
        )
        cdef Change* change
        cdef Change* spent = NULL
        cdef Worth lost
        cdef int nth
        for nth in range(self.change_count):
            change = self.changes + order[nth]
            lost = change.worth
            if lost.mantissa == 0 or memcmp(change.account, seen.account, 20) != 0:
                continue
            if pays_fee and _is_xrp(&lost):
                lost.mantissa += drops
            if lost.mantissa >= 0:
                continue
            if spent == NULL or (_is_of(&lost, wanted) and not _is_of(&spent.worth, wanted)):
                spent = change
                cost[0] = lost
                cost.mantissa = -lost.mantissa
        return spent

    # --- trades

    cdef int _add_trade_with_offer(self, Node* node) except -2:
        """The trade that the node of an offer shows; none where no amount fell."""
        cdef Trade* trade
        cdef const uint8_t* gets = node.now.gets if node.now.gets != NULL else node.before.gets
        cdef const uint8_t* pays = node.now.pays if node.now.pays != NULL else node.before.pays
        if node.before.gets == NULL and node.before.pays == NULL:
            return 0
        # It says whether it was filled, for which both must be there.
        if node.role == IS_DELETED and (node.now.gets == NULL or node.now.pays == NULL):
            return -1
        if self.trade_count == MOST_TRADES or gets == NULL or pays == NULL:
            return -1
        trade = self.trades_made + self.trade_count
        trade.with_pool = False
        trade.maker = node.now.account if node.now.account != NULL else node.before.account
        if trade.maker == NULL:
            return -1
        if not (
            _fall(gets, node.before.gets, node.now.gets, &trade.gave)
            and _fall(pays, node.before.pays, node.now.pays, &trade.got)
        ):
            return -1
        if trade.gave.mantissa != 0 or trade.got.mantissa != 0:
            self.trade_count += 1
        return 0

    cdef int _add_change_of_pool(self, Node* node) except -2:
        """How much a pool has more of something; as in `derive.trade`."""
        cdef Worth change, now, before
        cdef Change* kept
        cdef const uint8_t* account = node.now.account
        cdef uint32_t flags = node.now.flags if node.now.has_flags else node.before.flags
        if account == NULL:
            account = node.before.account
        if node.entry == self.token:
            if not flags & self.token_flag or node.before.held == NULL:
                return 0
            change.currency = change.issuer = NULL
            change.issuance = node.now.issuance
            if change.issuance == NULL:
                change.issuance = node.before.issuance
            if change.issuance == NULL:
                return -1
            change.exponent = 0
            change.mantissa = 0 if node.now.held == NULL else _be64(node.now.held)
            change.mantissa -= _be64(node.before.held)
        else:
            if node.before.balance == NULL:
                return 0
            if node.entry == self.trust_line and not flags & self.line_flag:
                return 0
            if (
                node.now.balance == NULL
                or not _read_worth(node.now.balance, &now)
                or not _read_worth(node.before.balance, &before)
            ):
                return -1
            change = now
            if not _subtract(&now, &before, &change) or now.issuance != NULL:
                return -1
            if (now.currency == NULL) == (node.entry == self.trust_line):
                return -1
            if node.entry == self.trust_line:
                # A pool never owes, so it is the end from which the balance is positive.
                if before.mantissa > 0 or now.mantissa > 0:
                    account, change.issuer = _end(node, True), _end(node, False)
                else:
                    account, change.issuer = _end(node, False), _end(node, True)
                    change.mantissa = -change.mantissa
                if change.issuer == NULL:
                    return -1
        if account == NULL:
            return -1
        kept = self._change_of(account, &change)
        if kept == NULL:
            return -1
        kept.worth.mantissa, kept.worth.exponent = change.mantissa, change.exponent
        return 0

    cdef int _add_pool_trades(self) except -2:
        """The trades with pools: one asset became more, and another one less."""
        cdef Change* change
        cdef Change* more
        cdef Change* less
        cdef Trade* trade
        cdef int nth, at, ups, downs
        for nth in range(self.change_count):
            more = less = NULL
            ups = downs = 0
            for at in range(self.change_count):
                change = self.changes + at
                if memcmp(change.account, self.changes[nth].account, 20) != 0:
                    continue
                if at < nth:  # this pool has had its turn
                    ups = 2
                    break
                if change.worth.mantissa > 0:
                    more = change
                    ups += 1
                elif change.worth.mantissa < 0:
                    less = change
                    downs += 1
            if ups != 1 or downs != 1:
                continue
            if self.trade_count == MOST_TRADES:
                return -1
            trade = self.trades_made + self.trade_count
            trade.with_pool = True
            trade.maker = less.account
            trade.gave, trade.got = less.worth, more.worth
            trade.gave.mantissa = -trade.gave.mantissa
            self.trade_count += 1
        return 0

    cdef int _trade_rows(
        self, TableColumns out, const uint8_t* id, Seen* seen, int64_t ledger_index,
        int64_t close_time,
    ) except -2:
        cdef Trade* trade
        cdef double price
        cdef int nth
        cdef int64_t row = out.rows
        for nth in range(self.trade_count):
            trade = self.trades_made + nth
            self._place(out, row, id, seen, ledger_index, close_time)
            out.put_category(4, row, b"amm" if trade.with_pool else b"offer")
            if self._put_account(out, 5, row, trade.maker) < 0:
                return -1
            if self._put_account(out, 6, row, seen.account) < 0:
                return -1
            if self._put_worth(out, 7, row, &trade.gave) < 0:
                return -1
            if self._put_worth(out, 12, row, &trade.got) < 0:
                return -1
            if trade.gave.mantissa == 0:
                out.put_none(17, row)
            elif _price(&trade.got, &trade.gave, &price) < 0:
                return -1
            else:
                out.put_float(17, row, price)
            out.put_none(18, row)
            row += 1
        out.rows = row
        return 0


cdef int64_t _count_of(tuple blobs) except -1:
    """How many transactions there are."""
    if len(blobs) != 3 or type(blobs[0]) is not bytes or type(blobs[1]) is not bytes or (
        type(blobs[2]) is not bytes
    ):
        raise TypeError("blobs are data, spans and ids, all bytes")
    return PyBytes_GET_SIZE(blobs[2]) // 32

cdef inline bint _drops(const uint8_t* amount, int64_t* drops) noexcept nogil:
    """XRP that is not negative."""
    drops[0] = <int64_t>(_be64(amount) & 0x3FFFFFFFFFFFFFFFULL)
    return amount[0] & 0xE0 == 0x40

cdef int _amount_text(const uint8_t* amount, char* out) noexcept nogil:
    """The value of an amount as it is printed; -1 for negative XRP."""
    cdef int size = 0
    cdef uint64_t word
    cdef int64_t drops
    if amount[0] & 0x80:
        return _issued_value(_be64(amount), out)
    if amount[0] & 0x20:
        word = _be64(amount + 1)
        if word and not amount[0] & 0x40:
            out[0] = c"-"
            size = 1
        return size + digits_decimal(word, out + size)
    return digits_decimal(<uint64_t>drops, out) if _drops(amount, &drops) else -1

cdef bint _read_worth(const uint8_t* amount, Worth* worth) noexcept nogil:
    """An amount of any kind, exactly; False for negative XRP."""
    cdef uint64_t word = _be64(amount)
    cdef int64_t drops
    worth.currency = worth.issuer = worth.issuance = NULL
    worth.exponent = 0
    if amount[0] & 0x80:
        worth.currency, worth.issuer = amount + 8, amount + 28
        worth.mantissa = <int64_t>(word & 0x003FFFFFFFFFFFFFULL)
        if worth.mantissa:
            worth.exponent = <int>((word >> 54) & 0xFF) - 97
    elif amount[0] & 0x20:
        worth.issuance = amount + 9
        worth.mantissa = _be64(amount + 1)
    else:
        worth.mantissa = drops if _drops(amount, &drops) else -1
        return worth.mantissa >= 0
    if not amount[0] & 0x40:
        worth.mantissa = -worth.mantissa
    return True

cdef inline bint _is_xrp(Worth* worth) noexcept nogil:
    return worth.currency == NULL and worth.issuance == NULL

cdef bint _is_same(Worth* one, Worth* other) noexcept nogil:
    """Whether two amounts are of the same thing."""
    if one.issuance != NULL or other.issuance != NULL:
        return (
            one.issuance != NULL and other.issuance != NULL
            and memcmp(one.issuance, other.issuance, 24) == 0
        )
    if one.currency == NULL or other.currency == NULL:
        return one.currency == other.currency
    return memcmp(one.currency, other.currency, 20) == 0 and memcmp(one.issuer, other.issuer, 20) == 0

cdef bint _is_of(Worth* worth, const uint8_t* amount) noexcept nogil:
    """Whether it is the currency of an amount, whoever issues it."""
    cdef bint is_token = amount[0] & 0xA0 == 0x20
    if worth.issuance != NULL or is_token:
        return worth.issuance != NULL and is_token and memcmp(worth.issuance, amount + 9, 24) == 0
    return memcmp(
        worth.currency if worth.currency != NULL else XRP,
        amount + 8 if amount[0] & 0x80 else XRP,
        20,
    ) == 0

cdef inline bint _subtract(Worth* after, Worth* before, Worth* change) noexcept nogil:
    return _sum(
        after.mantissa, after.exponent, -before.mantissa, before.exponent,
        &change.mantissa, &change.exponent,
    )

cdef bint _fall(
    const uint8_t* amount, const uint8_t* before, const uint8_t* now, Worth* fall
) noexcept nogil:
    """By how much an amount fell, of the kind that `amount` is; False to decline."""
    cdef Worth earlier, later
    if not _read_worth(amount, fall):
        return False
    fall.mantissa = fall.exponent = 0
    if before == NULL:
        return True
    if now == NULL or not _read_worth(before, &earlier) or not _read_worth(now, &later):
        return False
    return _subtract(&earlier, &later, fall)

cdef inline const uint8_t* _end(Node* node, bint low) noexcept nogil:
    """The account at one end of a trust line; NULL where it does not say."""
    cdef const uint8_t* limit
    if low:
        limit = node.now.low if node.now.low != NULL else node.before.low
    else:
        limit = node.now.high if node.now.high != NULL else node.before.high
    return limit + 28 if limit != NULL and limit[0] & 0x80 else NULL

cdef int _price(Worth* over, Worth* under, double* price) except -2:
    """How much of one is paid for a unit of the other, to 15 digits as `derive` has it."""
    cdef char[128] text
    cdef wide_int one = over.mantissa, other = under.mantissa, quotient, rest, unit, part
    cdef int exponent, more, size = 0
    cdef bint is_negative = (one < 0) != (other < 0)
    one, other = -one if one < 0 else one, -other if other < 0 else other
    if one == 0:
        price[0] = 0.0
        return 0
    exponent = over.exponent - under.exponent
    exponent += (6 if _is_xrp(under) else 0) - (6 if _is_xrp(over) else 0)
    exponent += _strip(&one)
    exponent -= _strip(&other)
    # So many zeros that the quotient has two digits more than are kept.
    more = _digits_of(other) + 17 - _digits_of(one)
    if more > 0:
        one = _scaled(one, more)
        exponent -= more
    if one == 0 or WIDE_DIGITS < 37:
        return -1
    quotient, rest = one // other, one % other
    unit, more = 1, _digits_of(quotient) - 15
    exponent += more
    while more > 0:
        unit *= 10
        more -= 1
    part = quotient % unit
    quotient //= unit
    if 2 * part > unit or (2 * part == unit and (rest != 0 or quotient % 2 == 1)):
        quotient += 1
    if is_negative:
        text[0] = c"-"
        size = 1
    size += digits_decimal(<uint64_t>quotient, text + size)
    size = _with_exponent(text, size, exponent)
    text[size] = 0
    price[0] = PyOS_string_to_double(text, NULL, NULL)
    return 0

cdef inline wide_int _count_delta(
    Token* token, const uint8_t* before, bint may_be_first
) noexcept nogil:
    """The change of a count that is left out while it is zero: `derive.balance._count_delta`."""
    cdef wide_int now = token.count
    if token.node.role == IS_CREATED:
        return now
    if before != NULL:
        return now - <wide_int>_be64(before)
    if may_be_first and token.node.before.is_there and token.node.before.is_empty:
        return now
    return 0

cdef bint _sum(
    wide_int one, int one_exponent, wide_int other, int other_exponent,
    wide_int* total, int* exponent,
) noexcept nogil:
    """The exact sum; False where that may not fit."""
    if one == 0 or other == 0:
        total[0] = other if one == 0 else one
        exponent[0] = other_exponent if one == 0 else one_exponent
        return True
    if one_exponent < other_exponent:
        other = _scaled(other, other_exponent - one_exponent)
        other_exponent = one_exponent
    elif other_exponent < one_exponent:
        one = _scaled(one, one_exponent - other_exponent)
    if one == 0 or other == 0:
        return False
    if _digits_of(one) >= WIDE_DIGITS or _digits_of(other) >= WIDE_DIGITS:
        return False
    total[0] = one + other
    exponent[0] = other_exponent
    return True

cdef wide_int _scaled(wide_int value, int zeros) noexcept nogil:
    """A value with so many zeros behind it; 0 where that does not fit."""
    cdef int nth
    if _digits_of(value) + zeros >= WIDE_DIGITS:
        return 0
    for nth in range(zeros):
        value *= 10
    return value

cdef int _digits_of(wide_int value) noexcept nogil:
    cdef char[DIGITS_ROOM + 24] text
    if value == 0:
        return 0
    return _wide_digits(value if value > 0 else -value, text)

cdef int _wide_digits(wide_int value, char* out) noexcept nogil:
    """The digits of a value that is not negative; with what is scratch behind them at most 64 bytes."""
    cdef char[DIGITS_ROOM] low
    cdef int length, size
    if value < BILLIONS:
        return digits_decimal(<uint64_t>value, out)
    length = digits_decimal(<uint64_t>(value // BILLIONS), out)
    size = digits_decimal(<uint64_t>(value % BILLIONS), low)
    memset(out + length, c"0", 18 - size)
    memcpy(out + length + 18 - size, low, size)
    return length + 18

cdef int _strip(wide_int* value) noexcept nogil:
    """Take the zeros at its end off a value that is positive; how many they were."""
    cdef int count = 0
    cdef uint64_t small
    while value[0] >= BILLIONS and value[0] % 10 == 0:
        value[0] //= 10
        count += 1
    if value[0] < BILLIONS:
        small = <uint64_t>value[0]
        while small % 10 == 0:
            small //= 10
            count += 1
        value[0] = <int64_t>small
    return count

cdef int _wide_text(wide_int value, int exponent, char* out) noexcept nogil:
    """A value as `derive` writes it, at most 80 bytes; -1 where it has an exponent."""
    cdef char[DIGITS_ROOM + 24] digits
    cdef int size, end, length = 0, point
    if value == 0:
        out[0] = c"0"
        return 1
    if value < 0:
        out[0] = c"-"
        length = 1
        value = -value
    size = _wide_digits(value, digits)
    point = size + exponent  # so many digits stand before the point
    end = digits_without_zeros(digits, size, 1)
    exponent += size - end
    if exponent > MOST_EXPONENT or exponent < -MOST_EXPONENT:
        return -1
    if exponent >= 0:
        memcpy(out + length, digits, end)
        memset(out + length + end, c"0", exponent)
        return length + end + exponent
    if point > 0:
        memcpy(out + length, digits, point)
        out[length + point] = c"."
        memcpy(out + length + point + 1, digits + point, end - point)
        return length + end + 1
    memcpy(out + length, b"0.", 2)
    memset(out + length + 2, c"0", -point)
    memcpy(out + length + 2 - point, digits, end)
    return length + 2 - point + end

cdef bint _is_before(Change* one, Change* other) noexcept nogil:
    """The order of changes: by account, currency and issuer, as texts."""
    cdef int order = _compare(
        one.account_text, one.account_size, other.account_text, other.account_size
    )
    if order == 0:
        order = _compare(
            one.currency_text, one.currency_size, other.currency_text, other.currency_size
        )
    if order == 0:
        order = _compare(
            one.issuer_text, one.issuer_size, other.issuer_text, other.issuer_size
        )
    if order == 0:
        order = _compare(
            one.issuance_text, one.issuance_size, other.issuance_text, other.issuance_size
        )
    return order < 0

cdef inline int _compare(
    const char* one, int one_size, const char* other, int other_size
) noexcept nogil:
    cdef int order = memcmp(one, other, one_size if one_size < other_size else other_size)
    return order if order else one_size - other_size

cdef inline void _write_ctid(
    int64_t ledger_index, uint32_t index, int64_t network, char* out
) noexcept nogil:
    cdef uint64_t number = (
        <uint64_t>0xC << 60 | <uint64_t>ledger_index << 32 | <uint64_t>index << 16 | <uint64_t>network
    )
    cdef uint8_t[8] big
    cdef int at
    for at in range(8):
        big[at] = <uint8_t>(number >> (56 - 8 * at))
    digits_hex(big, 8, out)
