//! Numbers and strings out of bytes that may end anywhere.

/// A place in bytes that are read from the beginning. Errors are reasons, for people.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Nothing in a header is longer: chat templates have some 20 kB.
const MAX_STRING_BYTES: u64 = 16 << 20;

type Result<T> = std::result::Result<T, String>;

impl<'a> Reader<'a> {
    /// At the beginning.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.at as u64
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or("it ends within its header")?;
        self.at += n;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "it ends within its header".into())
    }

    /// The next number.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next number.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next string; what is no UTF-8 becomes U+FFFD.
    pub fn string(&mut self) -> Result<String> {
        let n_bytes = self.u64()?;
        if n_bytes > MAX_STRING_BYTES {
            return Err(format!("it claims a string of {n_bytes} bytes"));
        }
        Ok(String::from_utf8_lossy(self.take(n_bytes as usize)?).into_owned())
    }

    /// Whether so many bytes are left.
    pub fn has(&self, n: u64) -> bool {
        n <= self.bytes.len().saturating_sub(self.at) as u64
    }
}
