// SPDX-License-Identifier: MIT OR Apache-2.0

//! Streams that come back to where they were.

/// Finds that a sequence of states repeats (Brent's cycle search), in constant memory.
pub(crate) struct Cycle<T> {
    /// The remembered state, …
    mark: Option<T>,
    /// … states left until it is replaced, …
    until_mark: u64,
    /// … and the length of the current span, doubled each time.
    span: u64,
}

impl<T: Clone + PartialEq> Cycle<T> {
    /// Returns a search that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            mark: None,
            until_mark: 1,
            span: 1,
        }
    }

    /// Takes the next state in; returns whether it is one that was there before.
    ///
    /// A sequence that repeats is found out at the latest after three times the states up to the
    /// end of its first repetition.
    pub(crate) fn repeats(&mut self, state: &T) -> bool {
        if self.mark.as_ref() == Some(state) {
            return true;
        }
        self.until_mark -= 1;
        if self.until_mark == 0 {
            self.mark = Some(state.clone());
            self.span *= 2;
            self.until_mark = self.span;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_found_and_nothing_else() {
        for (lead, length) in [(0, 1), (0, 7), (13, 1), (100, 33)] {
            let mut cycle = Cycle::new();
            let state = |n: u64| {
                if n < lead {
                    n
                } else {
                    lead + (n - lead) % length
                }
            };
            let found = (0..10_000).find(|&n| cycle.repeats(&state(n)));
            let found = found.expect("it repeats");
            assert!(found >= lead + length, "{found}: {lead} {length}");
            assert!(found <= 3 * (lead + length) + 2, "{found}: {lead} {length}");
        }
        let mut cycle = Cycle::new();
        assert!(!(0..10_000).any(|n: u64| cycle.repeats(&n)));
    }
}
