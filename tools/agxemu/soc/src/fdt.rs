// SPDX-License-Identifier: MIT OR Apache-2.0

//! A writer of flattened device trees.

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const COMPATIBLE_VERSION: u32 = 16;
const HEADER: usize = 40;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

/// A node with its properties and children.
#[derive(Clone, Debug, Default)]
pub struct Node {
    name: String,
    properties: Vec<(String, Vec<u8>)>,
    children: Vec<Node>,
}

impl Node {
    /// Returns an empty node.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    fn with(mut self, name: &str, value: Vec<u8>) -> Self {
        self.properties.push((name.to_owned(), value));
        self
    }

    /// With a property that has no value.
    pub fn flag(self, name: &str) -> Self {
        self.with(name, vec![])
    }

    /// With a property of 32-bit cells.
    pub fn cells(self, name: &str, cells: &[u32]) -> Self {
        let value = cells.iter().flat_map(|c| c.to_be_bytes()).collect();
        self.with(name, value)
    }

    /// With a property of strings.
    pub fn strings(self, name: &str, strings: &[&str]) -> Self {
        let value = strings.iter().flat_map(|s| s.bytes().chain([0])).collect();
        self.with(name, value)
    }

    /// With a child.
    pub fn child(mut self, child: Node) -> Self {
        self.children.push(child);
        self
    }

    /// Returns the tree below this node, flattened.
    pub fn flatten(&self) -> Vec<u8> {
        let mut out = Flat::default();
        out.node(self);
        out.word(END);

        let reserved = HEADER;
        let structure = reserved + 16;
        let strings = structure + out.structure.len();
        let total = strings + out.strings.len();
        // The bridge reads whole words.
        let total = total.next_multiple_of(4);
        let header = [
            MAGIC,
            total as u32,
            structure as u32,
            strings as u32,
            reserved as u32,
            VERSION,
            COMPATIBLE_VERSION,
            0,
            out.strings.len() as u32,
            out.structure.len() as u32,
        ];
        let mut blob: Vec<u8> = header.iter().flat_map(|w| w.to_be_bytes()).collect();
        blob.resize(structure, 0);
        blob.extend(out.structure);
        blob.extend(out.strings);
        blob.resize(total, 0);
        blob
    }
}

#[derive(Default)]
struct Flat {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Flat {
    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.structure.extend(bytes);
        let padded = self.structure.len().next_multiple_of(4);
        self.structure.resize(padded, 0);
    }

    fn node(&mut self, node: &Node) {
        self.word(BEGIN_NODE);
        let name: Vec<u8> = node.name.bytes().chain([0]).collect();
        self.bytes(&name);
        for (name, value) in &node.properties {
            let name = self.string(name);
            self.word(PROPERTY);
            self.word(value.len() as u32);
            self.word(name);
            self.bytes(value);
        }
        for child in &node.children {
            self.node(child);
        }
        self.word(END_NODE);
    }

    /// Returns where `text` is among the strings.
    fn string(&mut self, text: &str) -> u32 {
        let wanted: Vec<u8> = text.bytes().chain([0]).collect();
        let known = self.strings.windows(wanted.len()).position(|w| w == wanted);
        known.unwrap_or_else(|| {
            let at = self.strings.len();
            self.strings.extend(wanted);
            at
        }) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_tree() {
        let tree = Node::new("").child(
            Node::new("a@1")
                .cells("reg", &[1])
                .strings("s", &["xy", "z"]),
        );
        let blob = tree.flatten();
        let word = |at: usize| u32::from_be_bytes(blob[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(4) as usize), (MAGIC, blob.len()));
        let structure = &blob[word(8) as usize..][..word(36) as usize];
        let strings = &blob[word(12) as usize..][..word(32) as usize];
        assert_eq!(strings, b"reg\0s\0");
        let mut expected = vec![];
        for w in [BEGIN_NODE, 0, BEGIN_NODE] {
            expected.extend(w.to_be_bytes());
        }
        expected.extend(b"a@1\0");
        for w in [PROPERTY, 4, 0, 1, PROPERTY, 5, 4] {
            expected.extend(w.to_be_bytes());
        }
        expected.extend(b"xy\0z\0\0\0\0");
        for w in [END_NODE, END_NODE, END] {
            expected.extend(w.to_be_bytes());
        }
        assert_eq!(structure, expected);
    }
}
