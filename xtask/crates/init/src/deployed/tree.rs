//! YAML, TOML and JSON as one kind of tree, in which each value knows its line.
//!
//! The files are untrusted. YAML is read from the parser's events and not with the loader of the same project, because
//! the depth, and what aliases may add, have to be limited before the tree exists: dropping a tree that is nested a
//! hundred thousand times overflows the stack. No tree is deeper than [`DEEPEST`], so all others may recurse.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::words::Source;

const DEEPEST: usize = 64;
/// Bytes of all texts, and this much for each node.
const HEAVIEST: usize = 8 << 20;
const NODE: usize = 64;
/// Keys that one mapping takes from others, and that one of JSON has.
const MOST_KEYS: usize = 1000;

#[derive(Clone, Debug)]
pub struct Node {
    /// From one.
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Text {
        text: String,
        /// The line of its first character.
        first: usize,
        /// Whether its lines are those of the file: a block after `|`.
        is_literal: bool,
    },
    List(Vec<Node>),
    /// In the order of the file. Keys that stand there twice are here twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The last value of that key: parsers that take a key twice let the last one win.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    pub fn entries(&self) -> &[(String, Node)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub fn text(&self) -> Option<&str> {
        if let Value::Text { text, .. } = &self.value { Some(text) } else { None }
    }

    /// The text of a key.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The text as commands of a shell.
    pub fn source(&self) -> Option<Source<'_>> {
        match &self.value {
            Value::Text { text, first, is_literal } => {
                Some(Source { text, line: *first, is_literal: *is_literal })
            }
            _ => None,
        }
    }

    /// The items of a list, or the value alone if it is none.
    pub fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { std::slice::from_ref(self) }
    }

    /// The texts of a list, or of a single value.
    pub fn texts(&self) -> Vec<&str> {
        self.items().iter().filter_map(Node::text).collect()
    }

    fn new_text(text: String, line: usize) -> Self {
        Node { line, value: Value::Text { text, first: line, is_literal: false } }
    }

    fn weight(&self) -> usize {
        let below = match &self.value {
            Value::Text { text, .. } => text.len(),
            Value::List(items) => items.iter().map(Node::weight).sum(),
            Value::Map(entries) => {
                entries.iter().map(|(key, node)| key.len() + node.weight()).sum()
            }
        };
        NODE + below
    }

    fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Text { .. } => 0,
            Value::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
        };
        1 + below
    }
}

/// The first document of a YAML file. An error is a line and a reason.
pub fn from_yaml(text: &str) -> Result<Node, (usize, String)> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| (error.marker().line(), error.info().to_owned()))?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, span).map_err(|reason| (span.start.line(), reason.to_owned()))?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::new_text(String::new(), 1)))
}

/// What is built so far of a YAML document.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    weight: usize,
    root: Option<Node>,
}

struct Open {
    node: Node,
    anchor: usize,
    /// A tag of the file's own, such as `!reference` of GitLab.
    tag: Option<String>,
    /// Of a mapping, whose next value belongs to it.
    key: Option<String>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), &'static str> {
        let line = span.start.line();
        match event {
            Event::SequenceStart(anchor, tag) => {
                self.open(Value::List(Vec::new()), line, anchor, tag.as_deref())
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Value::Map(Vec::new()), line, anchor, tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Scalar(text, style, anchor, _) => {
                let is_literal = style == ScalarStyle::Literal;
                let blank = text.bytes().take_while(|byte| is_literal && *byte == b'\n').count();
                let value = Value::Text {
                    text: text.into_owned(),
                    // The mark of a block is where its first line with text begins.
                    first: line - blank.min(line - 1),
                    is_literal,
                };
                self.add(Node { line, value }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.iter().rev().find(|(id, _)| *id == anchor);
                let (_, node) = node.ok_or("an alias names nothing")?;
                if self.open.len() + node.depth() > DEEPEST {
                    return Err("it is nested too deeply");
                }
                let node = node.clone();
                self.add(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        value: Value,
        line: usize,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), &'static str> {
        if self.open.len() + 2 > DEEPEST {
            return Err("it is nested too deeply");
        }
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.suffix.clone());
        self.open.push(Open { node: Node { line, value }, anchor, tag, key: None });
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let Some(Open { mut node, anchor, tag, .. }) = self.open.pop() else { return Ok(()) };
        if let Value::Map(entries) = &mut node.value {
            merge(entries);
        }
        if let Some(tag) = tag {
            let line = node.line;
            node = Node { line, value: Value::Map(vec![(format!("!{tag}"), node)]) };
        }
        self.weight -= node.weight().min(self.weight);
        self.add(node, anchor)
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        let weight = node.weight();
        self.weight += weight;
        if anchor > 0 {
            self.weight += weight;
            self.anchors.push((anchor, node.clone()));
        }
        if self.weight > HEAVIEST {
            return Err("its aliases make it too large");
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Map(entries), Some(key)) => entries.push((key, node)),
            (Value::Map(_), None) => open.key = Some(node.text().unwrap_or_default().to_owned()),
            (Value::List(items), _) => items.push(node),
            (Value::Text { .. }, _) => {}
        }
        Ok(())
    }
}

/// `<<: *other` adds what the mapping does not set.
fn merge(entries: &mut Vec<(String, Node)>) {
    let (merged, own): (Vec<_>, Vec<_>) =
        std::mem::take(entries).into_iter().partition(|(key, _)| key == "<<");
    let others = merged.into_iter().flat_map(|(_, node)| match node.value {
        Value::Map(entries) => entries,
        Value::List(items) => {
            items.iter().flat_map(|item| item.entries().iter().cloned()).collect()
        }
        Value::Text { .. } => Vec::new(),
    });
    let mut all = own;
    for (key, node) in others.take(MOST_KEYS) {
        if !all.iter().any(|(own, _)| *own == key) {
            all.push((key, node));
        }
    }
    *entries = all;
}

/// A TOML file. An error is a line and a reason.
pub fn from_toml(text: &str) -> Result<Node, (usize, String)> {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |at: usize| 1 + ends.partition_point(|end| *end < at);
    match DeTable::parse(text) {
        Ok(table) => Ok(of_table(table.get_ref(), 1, &line, 0)),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            Err((line(at), error.message().to_owned()))
        }
    }
}

fn of_table(
    table: &DeTable<'_>,
    line: usize,
    lines: &impl Fn(usize) -> usize,
    depth: usize,
) -> Node {
    let entries = table.iter().filter(|_| depth < DEEPEST);
    let mut entries: Vec<(String, Node)> = entries
        .map(|(key, value)| {
            let mut node = of_toml(value, lines, depth + 1);
            node.line = lines(key.span().start);
            (key.get_ref().to_string(), node)
        })
        .collect();
    entries.sort_by_key(|(_, node)| node.line);
    Node { line, value: Value::Map(entries) }
}

fn of_toml(value: &Spanned<DeValue<'_>>, lines: &impl Fn(usize) -> usize, depth: usize) -> Node {
    let line = lines(value.span().start);
    match value.get_ref() {
        DeValue::Table(table) => of_table(table, line, lines, depth),
        DeValue::Array(items) => {
            let items = items.iter().filter(|_| depth < DEEPEST);
            let items = items.map(|item| of_toml(item, lines, depth + 1)).collect();
            Node { line, value: Value::List(items) }
        }
        DeValue::String(text) => Node::new_text(text.to_string(), line),
        DeValue::Boolean(value) => Node::new_text(value.to_string(), line),
        DeValue::Integer(number) => Node::new_text(number.as_str().to_owned(), line),
        DeValue::Float(number) => Node::new_text(number.as_str().to_owned(), line),
        DeValue::Datetime(time) => Node::new_text(time.to_string(), line),
    }
}

/// A JSON file, of which only one key is read. An error is a line and a reason.
pub fn from_json(text: &str, key: &str) -> Result<Node, (usize, String)> {
    let mut json: Json =
        serde_json::from_str(text).map_err(|error| (error.line(), "it is not JSON".to_owned()))?;
    if let Json::Object(map) = &mut json {
        map.retain(|name, _| name == key);
    }
    Ok(of_json(&json, text, 0))
}

/// The parser tells no lines, so a key's is that of its name below its parent's. Nested deeper than 128 is its error.
fn of_json(value: &Json, text: &str, from: usize) -> Node {
    let line = 1 + text.as_bytes()[..from].iter().filter(|byte| **byte == b'\n').count();
    let value = match value {
        Json::Object(map) => {
            let mut entries: Vec<(usize, String, Node)> = map
                .iter()
                .take(MOST_KEYS)
                .map(|(key, value)| {
                    let name = format!("{}", Json::from(key.as_str()));
                    let found = text[from..].match_indices(&name).find(|(at, name)| {
                        text[from + at + name.len()..].trim_start().starts_with(':')
                    });
                    let at = found.map_or(from, |(at, _)| from + at);
                    (at, key.clone(), of_json(value, text, at))
                })
                .collect();
            entries.sort_by_key(|(at, ..)| *at);
            Value::Map(entries.into_iter().map(|(_, key, node)| (key, node)).collect())
        }
        Json::Array(items) => {
            Value::List(items.iter().map(|item| of_json(item, text, from)).collect())
        }
        Json::String(text) => return Node::new_text(text.clone(), line),
        Json::Null => return Node::new_text(String::new(), line),
        other => return Node::new_text(other.to_string(), line),
    };
    Node { line, value }
}
