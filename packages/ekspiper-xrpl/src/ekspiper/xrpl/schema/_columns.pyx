# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Lines of JSON into columns, in C: one pass over the text of a record, without objects in between.

It reads what `LineWriter` writes: compact JSON in ASCII, without escapes. It *declines* every line
that has anything else in it, or that does not fit the columns: an unknown key, a value of another
type, a key that comes twice. Nothing of such a line stays, and the caller takes the way in Python,
which knows what to keep beside the columns, and what to refuse. Every read is checked against the end
of the line. A builder is locked while it reads, as the GIL is released meanwhile.
"""

cimport cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from "_scan.h" nogil:
    const char* scan_text(const char* at, const char* end)
    const char* scan_json(const char* at, const char* end)
    bint scan_key(const char* at, const char* end, const char* key, int size)
    void scan_copy(char* out, const char* text, int64_t size, const char* end)
    int64_t scan_bits(const uint8_t* bytes, int64_t count, uint8_t* out)
    enum: SCAN_DIGITS, SCAN_SHORT

# What a column holds; the numbers of `line_columns.py`.
cdef enum Kind:
    NOTHING = 0   # a value that is not read here: decline
    TEXT = 1
    INTEGER = 2
    JSON = 3      # any value, as its text
    INSTANT = 4   # seconds since 1970
    STRUCT = 5
    LIST = 6

INTERFACE = 2  # raised, here and in line_columns.py, with every change of what the two call

DEF MOST_BYTES = 0x3FFFFFFF   # of a batch: offsets have 32 bits
DEF KEPT_BYTES = 1048576      # of a column's buffer, from batch to batch

cdef struct Column:
    int kind
    int width            # bytes of an integer
    int64_t least, most  # of an integer
    const char* name
    int name_size
    const char* key      # `"name":`, and room behind it
    # Most keys come in the order of the last time: which column came first in this struct then, and
    # which behind this column; -1 for none.
    int first, next
    int child, children  # of a struct: its fields stand together; of a list: its member
    int keys, keys_mask  # of a struct: its part of the table of keys
    # The values so far. A slot that no value came for is null, and is made when the next one comes.
    int64_t length
    int64_t room         # slots that there is room for
    uint8_t* valid       # a byte a slot
    int32_t* offsets     # of texts and lists, one more than slots
    int64_t* numbers     # of integers and instants
    char* data           # of texts
    int64_t data_size, data_room


cdef class ColumnBuilder:
    """Takes lines and gives the buffers of their columns.

    Args:
        columns: kind, name, bytes of an integer, its least and its most value, the first child and the
            number of children of each column. The first is the record itself, a struct.
    """

    cdef Column* columns
    cdef int count
    cdef list names        # holds the bytes that `Column.name` points to
    cdef int* keys         # open addressing: the number of a column, or -1
    cdef cython.pymutex lock  # for what the columns hold, and what follows
    cdef int64_t held      # bytes of the lines since `take`
    # The line that is being read.
    cdef const char* text
    cdef int64_t at, end

    def __cinit__(self, list columns not None):
        self.count = len(columns)
        self.columns = <Column*>malloc(self.count * sizeof(Column))
        if self.columns == NULL:
            raise MemoryError
        memset(self.columns, 0, self.count * sizeof(Column))
        self.names = []
        cdef Column* column
        cdef int number, total = 0
        for number, row in enumerate(columns):
            column = self.columns + number
            kind, name, width, least, most, child, children = row
            column.kind, column.width = kind, width
            column.least, column.most = least, most
            column.child, column.children = child, children
            if children < 0 or (children and not number < child <= self.count - children):
                raise ValueError(f"column {number} has impossible children")
            if kind == LIST and children != 1:
                raise ValueError(f"column {number} is a list of {children} members")
            key = b'"' + name + b'":' + bytes(16)
            self.names.append(key)
            column.key = PyBytes_AS_STRING(key)
            column.name, column.name_size = column.key + 1, len(name)
            column.first = column.next = -1
            if kind == STRUCT:
                column.keys = total
                column.keys_mask = 1
                while column.keys_mask < 2 * children + 1:
                    column.keys_mask *= 2
                total += column.keys_mask
                column.keys_mask -= 1
        self.keys = <int*>malloc((total + 1) * sizeof(int))
        if self.keys == NULL:
            raise MemoryError
        memset(self.keys, 0xFF, (total + 1) * sizeof(int))
        for number in range(self.count):
            if self.columns[number].kind == STRUCT:
                self._index(self.columns + number)

    cdef void _index(self, Column* struct_) noexcept:
        cdef int number, slot
        for number in range(struct_.child, struct_.child + struct_.children):
            slot = _hash(self.columns[number].name, self.columns[number].name_size)
            slot &= struct_.keys_mask
            while self.keys[struct_.keys + slot] >= 0:
                slot = (slot + 1) & struct_.keys_mask
            self.keys[struct_.keys + slot] = number

    def __dealloc__(self):
        cdef int number
        if self.columns != NULL:
            for number in range(self.count):
                _free(self.columns + number)
        free(self.columns)
        free(self.keys)

    def read(self, tuple lines not None):
        """Add the lines that fit.

        Returns:
            the places of those that do not, in order.
        """
        cdef int64_t count = len(lines), place, row, total
        cdef const char** texts = <const char**>malloc((count + 1) * sizeof(char*))
        cdef int64_t* sizes = <int64_t*>malloc((count + 1) * sizeof(int64_t))
        cdef uint8_t* fits = <uint8_t*>malloc(count + 1)
        cdef int status = 0
        try:
            if texts == NULL or sizes == NULL or fits == NULL:
                raise MemoryError
            total = _texts("line", lines, texts, sizes)
            with self.lock:
                if self.held + total > MOST_BYTES:
                    return list(range(count))
                self.held += total
                row = self.columns[0].length
                with nogil:
                    for place in range(count):
                        self.text = texts[place]
                        self.at = 0
                        self.end = sizes[place]
                        status = self._record(row)
                        fits[place] = status == 0
                        if status == 0:
                            row += 1
                            continue
                        self._cut(self.columns, row)
                        if status == -2:
                            break
            if status == -2:
                raise MemoryError
            return [place for place in range(count) if not fits[place]]
        finally:
            free(texts)
            free(sizes)
            free(fits)

    def read_blocks(self, tuple blocks not None):
        """Add all lines of blocks, or nothing of them.

        Args:
            blocks: bytes with any number of lines, each with a newline at its end and no other in it.

        Returns:
            whether every line fits.
        """
        cdef int64_t count = len(blocks), place, row, first, total
        cdef const char** texts = <const char**>malloc((count + 1) * sizeof(char*))
        cdef int64_t* sizes = <int64_t*>malloc((count + 1) * sizeof(int64_t))
        cdef int status = 0
        cdef const char* end
        cdef const char* newline
        try:
            if texts == NULL or sizes == NULL:
                raise MemoryError
            total = _texts("block", blocks, texts, sizes)
            with self.lock:
                if self.held + total > MOST_BYTES:
                    return False
                row = first = self.columns[0].length
                with nogil:
                    for place in range(count):
                        self.text = texts[place]
                        end = self.text + sizes[place]
                        while self.text < end and status == 0:
                            newline = <const char*>memchr(self.text, c"\n", end - self.text)
                            self.at = 0
                            self.end = (end if newline == NULL else newline + 1) - self.text
                            status = self._record(row)
                            row += 1
                            self.text += self.end
                        if status < 0:
                            self._cut(self.columns, first)
                            break
                self.held += 0 if status < 0 else total
            if status == -2:
                raise MemoryError
            return status == 0
        finally:
            free(texts)
            free(sizes)

    def take(self):
        """The columns, and an end of them: the next line begins new ones.

        Returns:
            the number of rows, and for each column None if it has no value; else its slots, its nulls
            and its buffers: validity (None where all are valid), offsets, values.
        """
        cdef int number
        cdef int64_t rows
        taken = [None] * self.count
        with self.lock:
            rows = self.columns[0].length
            self._take(0, rows, taken)
            for number in range(self.count):
                _reset(self.columns + number)
            self.held = 0
        return rows, taken

    cdef int _take(self, int number, int64_t slots, list taken) except -1:
        cdef Column* column = self.columns + number
        cdef int child
        cdef int64_t inside = slots
        if column.length == 0:
            return 0
        if _pad(column, slots) < 0:
            raise MemoryError
        if column.kind == STRUCT:
            values = offsets = None
        elif column.kind == LIST:
            values, offsets = None, _bytes(column.offsets, 4 * (slots + 1))
            inside = column.offsets[slots]
        elif column.kind == INTEGER or column.kind == INSTANT:
            values, offsets = _numbers(column, slots), None
        else:
            values = _bytes(column.data, column.data_size)
            offsets = _bytes(column.offsets, 4 * (slots + 1))
        nulls, valid = _bits(column, slots)
        taken[number] = (slots, nulls, valid, offsets, values)
        for child in range(column.child, column.child + column.children):
            self._take(child, inside, taken)
        return 0

    # Each method below returns 0; -1 to decline; -2 where there is no memory.

    cdef int _record(self, int64_t row) noexcept nogil:
        cdef int status = self._struct(self.columns, row)
        if status < 0:
            return status
        if self.at + 1 != self.end or self.text[self.at] != c"\n":
            return -1
        return 0

    cdef int _struct(self, Column* column, int64_t slot) noexcept nogil:
        cdef int status, number
        cdef int* guess = &column.first
        if _begin(column, slot) < 0:
            return -1 if column.length > slot else -2
        column.length = slot + 1
        if not self._is(c"{"):
            return -1
        if self._is(c"}"):
            return 0
        while True:
            number = guess[0]
            if number < 0 or not self._has_key(self.columns + number):
                number = guess[0] = self._key(column)
                if number < 0:
                    return -1
            guess = &self.columns[number].next
            status = self._value(self.columns + number, slot)
            if status < 0:
                return status
            if self._is(c","):
                continue
            return 0 if self._is(c"}") else -1

    cdef int _list(self, Column* column, int64_t slot) noexcept nogil:
        cdef int status
        cdef int64_t inside
        if _begin(column, slot) < 0:
            return -1 if column.length > slot else -2
        inside = column.offsets[slot]
        column.offsets[slot + 1] = <int32_t>inside
        column.length = slot + 1
        if not self._is(c"["):
            return -1
        if self._is(c"]"):
            return 0
        while True:
            status = self._value(self.columns + column.child, inside)
            if status < 0:
                return status
            inside += 1
            column.offsets[slot + 1] = <int32_t>inside
            if self._is(c","):
                continue
            return 0 if self._is(c"]") else -1

    cdef int _value(self, Column* column, int64_t slot) noexcept nogil:
        cdef int64_t begin, number = 0
        cdef int status
        if column.kind == STRUCT:
            return self._struct(column, slot)
        if column.kind == LIST:
            return self._list(column, slot)
        if column.kind == NOTHING:
            return -1
        if _begin(column, slot) < 0:
            return -1 if column.length > slot else -2
        if column.kind == TEXT:
            begin = self.at + 1
            if self._skip_text() < 0:
                return -1
            status = _keep(
                column, slot, self.text + begin, self.at - 1 - begin, self.text + self.end
            )
        elif column.kind == INTEGER:
            if self._integer(&number) < 0 or number < column.least or number > column.most:
                return -1
            column.numbers[slot] = number
            status = 0
        elif column.kind == JSON:
            begin = self.at
            if self._skip_json() < 0:
                return -1
            status = _keep(
                column, slot, self.text + begin, self.at - begin, self.text + self.end
            )
        else:
            if self._instant(&number) < 0:
                return -1
            column.numbers[slot] = number
            status = 0
        if status == 0:
            column.length = slot + 1
        return status

    cdef inline bint _is(self, char expected) noexcept nogil:
        """Whether this is the next character; then it is behind us."""
        if self.at < self.end and self.text[self.at] == expected:
            self.at += 1
            return True
        return False

    cdef inline bint _has_key(self, Column* column) noexcept nogil:
        """Whether the key of this column is the next one; then it is behind us."""
        cdef int size = column.name_size + 3
        if scan_key(self.text + self.at, self.text + self.end, column.key, size):
            self.at += size
            return True
        return False

    cdef inline int _key(self, Column* struct_) noexcept nogil:
        """The number of the column that the next key names; -1 to decline."""
        cdef int64_t begin = self.at + 1
        cdef int size, slot, number
        cdef Column* column
        if self._skip_text() < 0 or not self._is(c":"):
            return -1
        size = <int>(self.at - 2 - begin)
        slot = _hash(self.text + begin, size) & struct_.keys_mask
        while True:
            number = self.keys[struct_.keys + slot]
            if number < 0:
                return -1
            column = self.columns + number
            if column.name_size == size and memcmp(column.name, self.text + begin, size) == 0:
                return number
            slot = (slot + 1) & struct_.keys_mask

    cdef inline int _skip_text(self) noexcept nogil:
        """Behind the quote at the end of a text of plain characters."""
        cdef const char* quote
        if not self._is(c'"'):
            return -1
        quote = scan_text(self.text + self.at, self.text + self.end)
        if quote == NULL:
            return -1
        self.at = quote + 1 - self.text
        return 0

    cdef inline int _skip_json(self) noexcept nogil:
        """Behind a value of any kind, but for what the writer of lines does not write."""
        cdef const char* end = scan_json(self.text + self.at, self.text + self.end)
        if end == NULL:
            return -1
        self.at = end - self.text
        return 0

    cdef inline int _integer(self, int64_t* number) noexcept nogil:
        cdef bint minus = self._is(c"-")
        cdef int64_t begin = self.at, found = 0
        cdef char letter
        while self.at < self.end:
            letter = self.text[self.at]
            if letter < c"0" or letter > c"9":
                break
            if self.at - begin >= SCAN_DIGITS:
                return -1
            found = found * 10 + (letter - 48)
            self.at += 1
        if self.at == begin:
            return -1
        number[0] = -found if minus else found
        return 0

    cdef int _instant(self, int64_t* number) noexcept nogil:
        """Seconds since 1970 from `"2026-11-22T12:01:40Z"`."""
        cdef const char* form = '"0000-00-00T00:00:00Z"'
        cdef const char* text = self.text + self.at
        cdef int nth
        cdef int64_t year, month, day, hour, minute, second, era, of_era
        if self.end - self.at < 22:
            return -1
        for nth in range(22):
            if form[nth] == c"0":
                if text[nth] < c"0" or text[nth] > c"9":
                    return -1
            elif text[nth] != form[nth]:
                return -1
        year, month, day = _pair(text + 1) * 100 + _pair(text + 3), _pair(text + 6), _pair(text + 9)
        hour, minute, second = _pair(text + 12), _pair(text + 15), _pair(text + 18)
        if (
            year < 1 or not 1 <= month <= 12 or not 1 <= day <= _days(year, month)
            or hour > 23 or minute > 59 or second > 59
        ):
            return -1
        # Days since 1970 by the calendar whose year begins in March, as its leap day is the last.
        if month <= 2:
            year -= 1
            month += 12
        era = year // 400
        of_era = year - era * 400
        day += (153 * (month - 3) + 2) // 5 - 1 + of_era * 365 + of_era // 4 - of_era // 100
        number[0] = (era * 146097 + day - 719468) * 86400 + hour * 3600 + minute * 60 + second
        self.at += 22
        return 0

    cdef void _cut(self, Column* column, int64_t slots) noexcept nogil:
        """Take back what came after so many slots, also below this column."""
        cdef int64_t inside = slots
        cdef int child
        if column.kind == LIST:
            inside = 0 if column.offsets == NULL else column.offsets[min(slots, column.length)]
        elif column.kind == TEXT or column.kind == JSON:
            if column.length > slots:
                column.data_size = column.offsets[slots]
        if column.length > slots:
            column.length = slots
        for child in range(column.child, column.child + column.children):
            self._cut(self.columns + child, inside)


cdef int64_t _texts(str what, tuple given, const char** texts, int64_t* sizes) except -1:
    """Where the texts of these bytes are, and their sizes; how many bytes in all."""
    cdef int64_t place, total = 0
    for place, text in enumerate(given):
        if type(text) is not bytes:
            raise TypeError(f"a {what} is bytes, not {type(text).__name__}")
        texts[place] = PyBytes_AS_STRING(text)
        sizes[place] = PyBytes_GET_SIZE(text)
        total += sizes[place]
    return total

cdef inline int _hash(const char* text, int size) noexcept nogil:
    """Of a key: its size, its first, middle and last bytes; the keys of a struct hardly collide."""
    if size < 4:
        return size * 7 + (0 if size == 0 else text[0] * 31 + text[size - 1])
    return (
        size * 0x9E5
        + text[0] * 0x1F3 + text[1] * 0x35 + text[size // 2] * 0x8B5
        + text[size - 3] * 0x6D + text[size - 2] * 0x11F + text[size - 1] * 0x2A7
    ) & 0x7FFFFFFF

cdef inline int64_t _pair(const char* digits) noexcept nogil:
    return (digits[0] - 48) * 10 + digits[1] - 48

cdef int64_t _days(int64_t year, int64_t month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31

cdef inline int _begin(Column* column, int64_t slot) noexcept nogil:
    """Make room for a value in a slot; -1 if it has one already, or there is no memory."""
    if column.length > slot:
        return -1
    if _pad(column, slot) < 0:
        return -1
    if column.room < slot + 1 and _grow(column, slot + 1) < 0:
        return -1
    column.valid[slot] = 1
    return 0

cdef inline int _pad(Column* column, int64_t slots) noexcept nogil:
    """Nulls up to so many slots."""
    cdef int64_t slot, missing = slots - column.length
    if missing <= 0:
        return 0
    if column.room < slots and _grow(column, slots) < 0:
        return -1
    memset(column.valid + column.length, 0, missing)
    if column.offsets != NULL:
        for slot in range(column.length, slots):
            column.offsets[slot + 1] = column.offsets[slot]
    if column.numbers != NULL:
        memset(column.numbers + column.length, 0, missing * sizeof(int64_t))
    column.length = slots
    return 0

cdef int _grow(Column* column, int64_t slots) noexcept nogil:
    cdef int64_t room = 1024 if column.room == 0 else column.room
    while room < slots:
        room *= 2
    valid = <uint8_t*>realloc(column.valid, room)
    if valid == NULL:
        return -1
    column.valid = valid
    if column.kind == TEXT or column.kind == JSON or column.kind == LIST:
        offsets = <int32_t*>realloc(column.offsets, (room + 1) * sizeof(int32_t))
        if offsets == NULL:
            return -1
        if column.offsets == NULL:
            offsets[0] = 0
        column.offsets = offsets
    elif column.kind == INTEGER or column.kind == INSTANT:
        numbers = <int64_t*>realloc(column.numbers, room * sizeof(int64_t))
        if numbers == NULL:
            return -1
        column.numbers = numbers
    column.room = room
    return 0

cdef inline int _keep(
    Column* column, int64_t slot, const char* text, int64_t size, const char* end
) noexcept nogil:
    """Copy a text into its slot."""
    cdef int64_t room = column.data_room, needed = column.data_size + size + SCAN_SHORT
    if needed > room:
        room = 4096 if room == 0 else room
        while room < needed:
            room *= 2
        data = <char*>realloc(column.data, room)
        if data == NULL:
            return -2
        column.data = data
        column.data_room = room
    scan_copy(column.data + column.data_size, text, size, end)
    column.data_size += size
    column.offsets[slot + 1] = <int32_t>column.data_size
    return 0

cdef void _free(Column* column) noexcept nogil:
    free(column.valid)
    free(column.offsets)
    free(column.numbers)
    free(column.data)
    column.valid = NULL
    column.offsets = NULL
    column.numbers = NULL
    column.data = NULL
    column.room = column.data_room = 0

cdef void _reset(Column* column) noexcept nogil:
    """No slots any more; memory for the next ones stays, as far as it is not much."""
    column.length = column.data_size = 0
    if column.data_room > KEPT_BYTES:
        free(column.data)
        column.data = NULL
        column.data_room = 0
    if column.room > KEPT_BYTES // 8:
        _free(column)

cdef bytes _bytes(const void* data, int64_t size):
    return PyBytes_FromStringAndSize(<const char*>data, size)

cdef tuple _bits(Column* column, int64_t slots):
    """How many slots are null, and a bit for each that is valid; None where all are."""
    cdef bytes packed = PyBytes_FromStringAndSize(NULL, (slots + 7) // 8)
    cdef int64_t valid = scan_bits(column.valid, slots, <uint8_t*>PyBytes_AS_STRING(packed))
    return slots - valid, None if valid == slots else packed

cdef bytes _numbers(Column* column, int64_t slots):
    if column.width == 8:
        return _bytes(column.numbers, 8 * slots)
    cdef bytes packed = PyBytes_FromStringAndSize(NULL, column.width * slots)
    cdef char* out = PyBytes_AS_STRING(packed)
    cdef int64_t slot
    cdef int32_t word
    cdef int16_t half
    for slot in range(slots):
        if column.width == 4:
            word = <int32_t>column.numbers[slot]
            memcpy(out + 4 * slot, &word, 4)
        else:
            half = <int16_t>column.numbers[slot]
            memcpy(out + 2 * slot, &half, 2)
    return packed
