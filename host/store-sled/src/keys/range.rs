/// Keys from `start` up to, but not including, `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Range {
    /// All keys: none begins with a length that no tenant's name has.
    pub(crate) fn everything() -> Self {
        Self { start: Vec::new(), end: vec![u8::MAX] }
    }

    /// All keys that begin with `prefix`.
    pub(crate) fn below(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                break;
            }
        }
        Self { start: prefix, end }
    }

    /// This one key.
    pub(crate) fn only(key: Vec<u8>) -> Self {
        Self { end: successor(&key), start: key }
    }

    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        (&self.start[..]..&self.end[..]).contains(&key)
    }

    /// The part that is greater than `key`.
    pub(crate) fn after(self, key: &[u8]) -> Self {
        let start = successor(key);
        // sled and the standard library both refuse a range that ends before it starts.
        if start > self.end { Self { start: self.end.clone(), end: self.end } } else { Self { start, ..self } }
    }

    /// With this key at its end.
    pub(super) fn and(self, key: &[u8]) -> Self {
        Self { end: successor(key), ..self }
    }

    /// The part that is not greater than `key`.
    pub(crate) fn through(self, key: &[u8]) -> Self {
        Self { end: successor(key).min(self.end), ..self }
    }
}

/// The least key that is greater.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
