//! A list of fixed capacity, in place of an allocator.

/// As many values as fit.
pub(super) struct List<T: Copy, const N: usize> {
    values: [T; N],
    len: usize,
}

impl<T: Copy, const N: usize> List<T, N> {
    pub(super) fn new(filler: T) -> Self {
        List { values: [filler; N], len: 0 }
    }

    pub(super) fn push(&mut self, value: T) {
        if let Some(place) = self.values.get_mut(self.len) {
            *place = value;
            self.len += 1;
        }
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.values[..self.len]
    }
}
