use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;

use crate::answer::MAX_BLOB_BYTES;

/// How many uploads can be under way: in pieces, and not whole yet.
const MAX_UPLOADS: usize = 16;

/// The uploads that were begun, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    begun: u64,
    open: BTreeMap<u64, Vec<u8>>,
}

/// Why a piece is not taken.
pub(crate) type Refused = (StatusCode, &'static str);

const TOO_LARGE: Refused = (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID");
const UNKNOWN: Refused = (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");

impl Uploads {
    pub(crate) fn begin(&mut self) -> Result<u64, Refused> {
        if self.open.len() >= MAX_UPLOADS {
            return Err((StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"));
        }
        self.begun += 1;
        self.open.insert(self.begun, Vec::new());
        Ok(self.begun)
    }

    /// Puts a piece behind those that came, where it says that it belongs; how many bytes there are now.
    pub(crate) fn append(&mut self, number: u64, range: Option<&str>, piece: &Bytes) -> Result<usize, Refused> {
        let have = self.open.get_mut(&number).ok_or(UNKNOWN)?;
        let begins = range.map(|range| range.split_once('-').and_then(|(first, _)| first.parse().ok()));
        if begins.is_some_and(|begins| begins != Some(have.len())) {
            return Err((StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"));
        }
        if have.len() + piece.len() > MAX_BLOB_BYTES {
            self.open.remove(&number);
            return Err(TOO_LARGE);
        }
        have.extend_from_slice(piece);
        Ok(have.len())
    }

    /// Ends an upload with its last piece, which may be all of it: the whole.
    pub(crate) fn end(&mut self, number: u64, piece: &Bytes) -> Result<Bytes, Refused> {
        let mut whole = self.open.remove(&number).ok_or(UNKNOWN)?;
        if whole.is_empty() {
            return Ok(piece.clone());
        }
        if whole.len() + piece.len() > MAX_BLOB_BYTES {
            return Err(TOO_LARGE);
        }
        whole.extend_from_slice(piece);
        Ok(whole.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_a_whole_in_their_order() {
        let mut uploads = Uploads::default();
        let (first, second) = (uploads.begin().unwrap(), uploads.begin().unwrap());
        let piece = Bytes::from_static;
        assert_eq!(uploads.append(first, Some("0-2"), &piece(b"abc")), Ok(3));
        let out_of_order = Err((StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"));
        assert_eq!(uploads.append(first, Some("4-5"), &piece(b"ef")), out_of_order);
        assert_eq!(uploads.append(first, Some("nonsense"), &piece(b"ef")), out_of_order);
        assert_eq!(uploads.append(first, None, &piece(b"d")), Ok(4));
        assert_eq!(uploads.end(first, &piece(b"e")), Ok(piece(b"abcde")));
        assert_eq!(uploads.end(second, &piece(b"all")), Ok(piece(b"all")));
        assert_eq!(uploads.end(first, &piece(b"")), Err(UNKNOWN));
    }

    #[test]
    fn uploads_that_nobody_ends_are_bounded_in_number_and_size() {
        let mut uploads = Uploads::default();
        let first = uploads.begin().unwrap();
        for _ in 1..MAX_UPLOADS {
            uploads.begin().unwrap();
        }
        assert_eq!(uploads.begin(), Err((StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS")));
        let most = Bytes::from(vec![0; MAX_BLOB_BYTES]);
        assert_eq!(uploads.append(first, None, &most), Ok(MAX_BLOB_BYTES));
        assert_eq!(uploads.append(first, None, &Bytes::from_static(b"x")), Err(TOO_LARGE));
        assert!(uploads.begin().is_ok(), "what was too large has made room");
    }
}
