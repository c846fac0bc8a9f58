//! The encodings in which console logs are saved: bytes as they came, or UTF-16 with a byte order
//! mark, which Windows terminals write. UTF-16 without a mark is read too where it is ASCII, because
//! zero bytes are dropped later.

/// Bytes of any encoding to bytes that are UTF-8 wherever the source said what it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoding {
    state: State,
    /// Bytes that wait for the rest of a mark or code unit.
    held: Vec<u8>,
    high_surrogate: Option<u16>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Bytes,
    Utf16 {
        big: bool,
    },
}

impl Encoding {
    /// Passes bytes on to the sink, decoded; what is incomplete waits for the next call.
    pub(super) fn decode(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        match self.state {
            State::Bytes => sink(bytes),
            State::Utf16 { big } => self.utf16(bytes, big, sink),
            State::Start => self.start(bytes, sink),
        }
    }

    /// Passes on what still waits for more.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if self.state == State::Start {
            sink(&std::mem::take(&mut self.held));
        }
    }

    fn start(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.held.extend_from_slice(bytes);
        let (state, mark) = match self.held.as_slice() {
            [0xff, 0xfe, ..] => (State::Utf16 { big: false }, 2),
            [0xfe, 0xff, ..] => (State::Utf16 { big: true }, 2),
            [0xef, 0xbb, 0xbf, ..] => (State::Bytes, 3),
            [] | [0xff] | [0xfe] | [0xef] | [0xef, 0xbb] => return,
            _ => (State::Bytes, 0),
        };
        self.state = state;
        let held = std::mem::take(&mut self.held);
        self.decode(&held[mark..], sink);
    }

    fn utf16(&mut self, bytes: &[u8], big: bool, sink: &mut dyn FnMut(&[u8])) {
        let mut out = String::with_capacity(bytes.len());
        for &byte in bytes {
            self.held.push(byte);
            let &[first, second] = self.held.as_slice() else { continue };
            self.held.clear();
            let pair = [first, second];
            let unit = if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
            self.unit(unit, &mut out);
        }
        sink(out.as_bytes());
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        if let Some(high) = self.high_surrogate.take() {
            let pair = char::decode_utf16([high, unit]).next();
            match pair {
                Some(Ok(c)) => return out.push(c),
                _ => out.push(char::REPLACEMENT_CHARACTER),
            }
        }
        match unit {
            0xd800..=0xdbff => self.high_surrogate = Some(unit),
            _ => out.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
}
