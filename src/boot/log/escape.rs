//! Terminal control sequences (ECMA-48, and the VT and xterm ones that firmware, GRUB, systemd and
//! shells send), recognised byte by byte so that they may be cut anywhere.
//!
//! Nothing is drawn: a sequence is dropped, and one that moves the cursor to another place or clears
//! the screen counts as the end of a message.

/// What to do after a byte of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The sequence goes on.
    More,
    /// The sequence is over.
    Done,
    /// The sequence is over, and the text that follows stands elsewhere on the screen.
    Moved,
    /// This byte is not part of it: the sequence is over, and the byte is text.
    Text,
}

/// Where in a sequence we are, after its ESC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Escape {
    /// Just after ESC.
    #[default]
    Started,
    /// After `ESC [`: parameters, then a final byte.
    Control,
    /// After `ESC ]`, `ESC P`, `ESC X`, `ESC ^` or `ESC _`: a string up to BEL or `ESC \`.
    /// The number is its length, because a lost end must not swallow the log.
    Str(u16),
    /// As before, after an ESC in it.
    StrEnd(u16),
    /// After an intermediate byte, such as the `(` of `ESC ( B`.
    Intermediate,
}

/// Longer strings than this are no strings, but text after a lost end.
const STRING_MAX: u16 = 512;

impl Escape {
    /// Takes the next byte.
    pub(super) fn step(&mut self, byte: u8) -> Step {
        match (*self, byte) {
            (Escape::Started, b'[') => self.go(Escape::Control),
            (Escape::Started, b']' | b'P' | b'X' | b'^' | b'_') => self.go(Escape::Str(0)),
            (Escape::Started | Escape::Intermediate, 0x20..=0x2f) => self.go(Escape::Intermediate),
            // `ESC c` resets, `ESC D/E/M` move by a line.
            (Escape::Started, b'c' | b'D' | b'E' | b'M') => Step::Moved,
            (Escape::Started | Escape::Intermediate, 0x30..=0x7e) => Step::Done,
            (Escape::Control, 0x20..=0x3f) => Step::More,
            // Cursor up, down, next and previous line, to a row or place; erase display.
            (Escape::Control, b'A' | b'B' | b'E' | b'F' | b'H' | b'f' | b'd' | b'J') => Step::Moved,
            (Escape::Control, 0x40..=0x7e) => Step::Done,
            (Escape::Str(_), 0x07) => Step::Done,
            (Escape::Str(n), 0x1b) => self.go(Escape::StrEnd(n)),
            (Escape::Str(n), _) if n < STRING_MAX && byte != b'\n' => self.go(Escape::Str(n + 1)),
            (Escape::StrEnd(_), b'\\') => Step::Done,
            (Escape::StrEnd(_), _) => {
                *self = Escape::Started;
                self.step(byte)
            }
            (_, 0x1b) => self.go(Escape::Started),
            _ => Step::Text,
        }
    }

    fn go(&mut self, to: Escape) -> Step {
        *self = to;
        Step::More
    }
}
