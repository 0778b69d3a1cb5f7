//! XML text as a tree, [`path`] over it, and the functions that use them.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

pub mod from_xml;
pub mod path;
pub mod to_xml;
pub mod xpath;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Root,
    Element(String),
    Attribute(String, String),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: Kind,
    pub parent: usize,
    /// Elements and text, in document order.
    pub children: Vec<usize>,
    pub attributes: Vec<usize>,
}

/// A document: nodes by number, the root first, in document order.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub nodes: Vec<Node>,
}

impl Document {
    /// `None` when the text is not well-formed.
    pub fn parse(text: &str) -> Option<Document> {
        let mut doc = Document { nodes: vec![] };
        doc.add(Kind::Root, 0);
        let mut reader = Reader::from_str(text);
        let mut open = vec![0usize];
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let at = doc.element(&tag, &open)?;
                    open.push(at);
                    if open.len() > MAX_DEPTH {
                        return None;
                    }
                }
                Event::Empty(tag) => {
                    doc.element(&tag, &open)?;
                }
                Event::End(_) => {
                    open.pop()?;
                }
                Event::Text(t) => {
                    let text = t.decode().ok()?;
                    doc.append_text(&text, &open)?;
                }
                Event::CData(t) => {
                    let text = t.decode().ok()?;
                    doc.append_text(&text, &open)?;
                }
                Event::GeneralRef(r) => {
                    let name = r.decode().ok()?;
                    let text = entity(&name)?;
                    doc.append_text(&text, &open)?;
                }
                Event::Eof => break,
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
            }
        }
        let roots = doc.nodes.first()?.children.len();
        (open.len() == 1 && roots == 1).then_some(doc)
    }

    fn add(&mut self, kind: Kind, parent: usize) -> usize {
        self.nodes.push(Node { kind, parent, children: vec![], attributes: vec![] });
        self.nodes.len() - 1
    }

    fn element(&mut self, tag: &BytesStart<'_>, open: &[usize]) -> Option<usize> {
        let parent = *open.last()?;
        if parent == 0 && !self.nodes.first()?.children.is_empty() {
            return None;
        }
        let name = std::str::from_utf8(tag.name().as_ref()).ok()?.to_string();
        let at = self.add(Kind::Element(name), parent);
        self.nodes.get_mut(parent)?.children.push(at);
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let name = std::str::from_utf8(attribute.key.as_ref()).ok()?.to_string();
            let value = attribute.unescape_value().ok()?.into_owned();
            let number = self.add(Kind::Attribute(name, value), at);
            self.nodes.get_mut(at)?.attributes.push(number);
        }
        Some(at)
    }

    /// Text joins the text before it; outside the root element only blanks are allowed.
    fn append_text(&mut self, text: &str, open: &[usize]) -> Option<()> {
        let parent = *open.last()?;
        if parent == 0 {
            return text.trim().is_empty().then_some(());
        }
        let last = self.nodes.get(parent)?.children.last().copied();
        if let Some(Kind::Text(before)) = last.and_then(|n| self.nodes.get_mut(n)).map(|n| &mut n.kind) {
            before.push_str(text);
            return Some(());
        }
        let at = self.add(Kind::Text(text.to_string()), parent);
        self.nodes.get_mut(parent)?.children.push(at);
        Some(())
    }

    pub fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The root element.
    pub fn root(&self) -> Option<usize> {
        self.nodes.first()?.children.first().copied()
    }

    /// All text in a node, in order.
    pub fn string(&self, at: usize) -> String {
        let mut out = String::new();
        let mut stack = vec![at];
        while let Some(node) = stack.pop().and_then(|n| self.node(n)) {
            match &node.kind {
                Kind::Text(t) | Kind::Attribute(_, t) => out.push_str(t),
                _ => stack.extend(node.children.iter().rev()),
            }
        }
        out
    }
}

fn entity(name: &str) -> Option<String> {
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => {
            return match name {
                "lt" => Some("<"),
                "gt" => Some(">"),
                "amp" => Some("&"),
                "apos" => Some("'"),
                "quot" => Some("\""),
                _ => None,
            }
            .map(str::to_string);
        }
    };
    char::from_u32(code).map(String::from)
}
