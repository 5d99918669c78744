//! Lines of bounded length out of a pipe.

/// The longest event that is read.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Collects bytes and hands out whole lines.
#[derive(Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Within a line that is too long.
    skipping: bool,
}

/// A line, or that one was dropped.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Lines {
    /// Takes the next bytes; returns the lines that they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.skipping || self.buffer.len() + head.len() > MAX_LINE_BYTES {
                self.skipping = false;
                self.buffer.clear();
                lines.push(Line::TooLong);
                continue;
            }
            let mut line = std::mem::take(&mut self.buffer);
            line.extend_from_slice(head);
            lines.push(Line::Whole(line));
        }
        if !self.skipping {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() > MAX_LINE_BYTES {
                self.skipping = true;
                self.buffer = Vec::new();
            }
        }
        lines
    }

    /// What stands after the last line end. A runner that was killed may have left half a line.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.skipping && !self.buffer.is_empty()).then(|| std::mem::take(&mut self.buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw"), [whole("one")]);
        assert_eq!(lines.push(b"o"), []);
        assert_eq!(lines.push(b"\n\nthree"), [whole("two"), whole("")]);
        assert_eq!(lines.rest().unwrap(), b"three");
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_the_next_is_read() {
        let mut lines = Lines::default();
        for _ in 0..40 {
            assert_eq!(lines.push(&vec![b'x'; 64 << 10]), []);
        }
        assert!(lines.buffer.len() <= MAX_LINE_BYTES);
        assert_eq!(lines.push(b"x\nnext\n"), [Line::TooLong, whole("next")]);
    }
}
