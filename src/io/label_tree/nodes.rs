//! A table of nodes, each with its parent.

use std::collections::{HashMap, HashSet};

use super::LabelTreeError;
use crate::core::label::MAX_DEPTH;

/// A node: what tells it apart, what it is called, what it stands below.
pub struct Node {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
}

const IDS: &[&str] = &["id", "node", "code", "key"];
const NAMES: &[&str] = &["name", "label", "title", "value"];
const PARENTS: &[&str] = &["parent", "parent_id", "parent id", "parentid"];

/// The value of the first of these columns.
pub fn one_of<'a>(names: &[&str], value: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    names.iter().find_map(|name| value(name))
}

/// A node from its fields by name; `None` where it has no name.
pub fn node<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<Node> {
    let filled = |names: &[&str]| one_of(names, &value).map(str::trim).filter(|cell| !cell.is_empty());
    let (id, name) = (filled(IDS), filled(NAMES));
    Some(Node {
        id: id.or(name)?.to_owned(),
        name: name.or(id)?.to_owned(),
        parent: filled(PARENTS).map(str::to_owned),
    })
}

/// Whether a field is the one for the parent.
pub fn is_parent(name: &str) -> bool {
    PARENTS.contains(&name.trim().to_lowercase().as_str())
}

/// The rows of a table with a header that has a column for the parent; `None`: it is no such table.
pub fn table(text: &str) -> Option<Result<Vec<Node>, LabelTreeError>> {
    let header = text.lines().find(|line| !line.trim().is_empty())?;
    let delimiter = [',', '\t', ';'].into_iter().find(|delimiter| {
        let mut cells = header.split(*delimiter);
        header.contains(*delimiter) && cells.any(|cell| is_parent(cell.trim().trim_matches('"')))
    })?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .flexible(true)
        .from_reader(text.as_bytes());
    let names: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(|name| name.trim().to_lowercase()).collect(),
        Err(error) => return Some(Err(form(error.to_string()))),
    };
    let rows = reader.records().map(|record| {
        let record = record.map_err(|error| form(error.to_string()))?;
        let cell = |wanted: &str| {
            let at = names.iter().position(|name| name == wanted)?;
            record.get(at)
        };
        Ok(node(cell))
    });
    Some(rows.filter_map(Result::transpose).collect())
}

fn form(reason: String) -> LabelTreeError {
    LabelTreeError::Form { reason }
}

/// The paths of nodes, parents first, siblings as they came.
pub fn paths(nodes: &[Node]) -> Result<Vec<Vec<String>>, LabelTreeError> {
    let mut known: HashMap<&str, &Node> = HashMap::new();
    for node in nodes {
        match known.get(node.id.as_str()) {
            Some(first) if first.parent != node.parent => return Err(two_parents(nodes, first, node)),
            Some(_) => {}
            None => drop(known.insert(&node.id, node)),
        }
    }
    let mut below: HashMap<Option<&str>, Vec<&Node>> = HashMap::new();
    let mut placed: HashSet<&str> = HashSet::new();
    for node in nodes {
        if let Some(parent) = &node.parent
            && !known.contains_key(parent.as_str())
        {
            return Err(LabelTreeError::UnknownParent {
                node: node.name.clone(),
                parent: parent.clone(),
            });
        }
        if placed.insert(&node.id) {
            below.entry(node.parent.as_deref()).or_default().push(node);
        }
    }
    let mut stack: Vec<(&Node, Vec<String>)> = children(&below, None)
        .iter()
        .rev()
        .map(|root| (*root, Vec::new()))
        .collect();
    let mut paths = Vec::with_capacity(nodes.len());
    while let Some((node, mut path)) = stack.pop() {
        path.push(node.name.clone());
        if path.len() > MAX_DEPTH {
            return Err(form(format!(
                "{:?} is deeper than the {MAX_DEPTH} levels a tree may have",
                path.join(" > ")
            )));
        }
        placed.remove(node.id.as_str());
        stack.extend(
            children(&below, Some(&node.id))
                .iter()
                .rev()
                .map(|child| (*child, path.clone())),
        );
        paths.push(path);
    }
    // What no root leads to leads back to itself.
    match nodes.iter().find(|node| placed.contains(node.id.as_str())) {
        Some(node) => Err(LabelTreeError::Circle {
            node: node.name.clone(),
        }),
        None => Ok(paths),
    }
}

fn children<'a, 'b>(below: &'b HashMap<Option<&'a str>, Vec<&'a Node>>, at: Option<&'a str>) -> &'b [&'a Node] {
    below.get(&at).map(Vec::as_slice).unwrap_or_default()
}

fn two_parents(nodes: &[Node], first: &Node, second: &Node) -> LabelTreeError {
    let name = |parent: &Option<String>| match parent {
        None => "the top".to_owned(),
        Some(id) => {
            let parent = nodes.iter().find(|node| node.id == *id);
            parent.map_or_else(|| id.clone(), |parent| parent.name.clone())
        }
    };
    LabelTreeError::TwoParents {
        node: first.name.clone(),
        first: name(&first.parent),
        second: name(&second.parent),
    }
}
