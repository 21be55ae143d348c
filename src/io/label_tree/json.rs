//! Trees as JSON: nested objects, nodes with children, nodes with parents, lists of paths.

use std::collections::HashSet;

use serde_json::Value;

use super::LabelTreeError;
use super::nodes::{self, Node};
use crate::core::label::MAX_DEPTH;
use crate::io::import::Fields;

const CHILDREN: &[&str] = &["children", "nodes", "items", "labels"];
const NAMES: &[&str] = &["name", "label", "title", "value", "text"];

pub fn paths(text: &str) -> Result<Vec<Vec<String>>, LabelTreeError> {
    let not_json = |error: serde_json::Error| form(format!("it is not valid JSON ({error})"));
    // The outermost names keep the order written, those below stand by name.
    let mut tree = Paths::default();
    if text.trim_start().starts_with('{') {
        let fields: Fields = serde_json::from_str(text).map_err(not_json)?;
        tree.object(&[], &fields.0)?;
        return Ok(tree.paths);
    }
    let items: Vec<Value> = serde_json::from_str(text).map_err(not_json)?;
    if let Some(nodes) = with_parents(&items) {
        return nodes::paths(&nodes);
    }
    if !items.is_empty() && items.iter().all(Value::is_array) {
        for item in &items {
            let names = item.as_array().into_iter().flatten().map(name_of);
            tree.path(names.collect::<Result<_, _>>()?);
        }
        return Ok(tree.paths);
    }
    tree.list(&[], &items)?;
    Ok(tree.paths)
}

fn form(reason: String) -> LabelTreeError {
    LabelTreeError::Form { reason }
}

fn name_of(value: &Value) -> Result<String, LabelTreeError> {
    match value {
        Value::String(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        other => Err(form(format!("{other} is no label"))),
    }
}

/// Rows with a field for the parent.
fn with_parents(items: &[Value]) -> Option<Vec<Node>> {
    let has_parent = |item: &Value| {
        item.as_object()
            .is_some_and(|fields| fields.keys().any(|name| nodes::is_parent(name)))
    };
    if !items.iter().any(has_parent) {
        return None;
    }
    let node = |item: &Value| {
        let fields: Vec<(String, String)> = item
            .as_object()?
            .iter()
            .filter_map(|(name, value)| match value {
                Value::String(text) => Some((name.to_lowercase(), text.clone())),
                Value::Number(number) => Some((name.to_lowercase(), number.to_string())),
                _ => None,
            })
            .collect();
        let cell = |wanted: &str| {
            fields
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, cell)| cell.as_str())
        };
        nodes::node(cell)
    };
    items.iter().map(node).collect()
}

#[derive(Default)]
struct Paths {
    paths: Vec<Vec<String>>,
    seen: HashSet<Vec<String>>,
}

impl Paths {
    /// A path, with those above it.
    fn path(&mut self, path: Vec<String>) {
        for n in 1..=path.len() {
            let above = path.get(..n).unwrap_or_default().to_vec();
            if self.seen.insert(above.clone()) {
                self.paths.push(above);
            }
        }
    }

    fn below(&mut self, above: &[String], name: String) -> Result<Vec<String>, LabelTreeError> {
        let path: Vec<String> = above.iter().cloned().chain([name]).collect();
        if path.len() > MAX_DEPTH {
            return Err(form(format!(
                "{:?} is deeper than the {MAX_DEPTH} levels a tree may have",
                path.join(" > ")
            )));
        }
        self.path(path.clone());
        Ok(path)
    }

    fn list(&mut self, above: &[String], items: &[Value]) -> Result<(), LabelTreeError> {
        for item in items {
            match item {
                Value::Object(fields) => {
                    let fields: Vec<(String, Value)> = fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                    self.object(above, &fields)?;
                }
                name => drop(self.below(above, name_of(name)?)?),
            }
        }
        Ok(())
    }

    /// One node with a name, or names with what is below each.
    fn object(&mut self, above: &[String], fields: &[(String, Value)]) -> Result<(), LabelTreeError> {
        let field = |names: &[&str]| {
            let is_one = |(name, _): &&(String, Value)| names.contains(&name.to_lowercase().as_str());
            fields.iter().find(is_one).map(|(_, value)| value)
        };
        if let Some(name) = field(NAMES).filter(|name| name.is_string()) {
            let path = self.below(above, name_of(name)?)?;
            return match field(CHILDREN) {
                Some(children) => self.value(&path, children),
                None => Ok(()),
            };
        }
        for (name, below) in fields {
            let path = self.below(above, name_of(&Value::String(name.clone()))?)?;
            self.value(&path, below)?;
        }
        Ok(())
    }

    fn value(&mut self, above: &[String], value: &Value) -> Result<(), LabelTreeError> {
        match value {
            Value::Null => Ok(()),
            Value::Array(items) => self.list(above, items),
            Value::Object(fields) => {
                let fields: Vec<(String, Value)> = fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                self.object(above, &fields)
            }
            name => self.below(above, name_of(name)?).map(drop),
        }
    }
}
