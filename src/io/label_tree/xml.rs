//! The choices of a labelling configuration of Label Studio: `Choice` in `Taxonomy` or `Choices`, one inside the other.
//!
//! Not here: XML as a whole. Tags and attributes are read, everything else is passed over.

use std::collections::HashSet;

use super::LabelTreeError;
use crate::core::label::MAX_DEPTH;

pub fn paths(text: &str) -> Result<Vec<Vec<String>>, LabelTreeError> {
    let (mut paths, mut seen) = (Vec::new(), HashSet::new());
    let mut path: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(end) = end_of_tag(tag) else {
            return Err(form("a tag is not closed".to_owned()));
        };
        let (inside, after) = (
            tag.get(..end).unwrap_or_default(),
            tag.get(end + 1..).unwrap_or_default(),
        );
        rest = after;
        let name: String = inside
            .trim_start_matches('/')
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        if name != "Choice" {
            if inside.starts_with('/') && matches!(name.as_str(), "Taxonomy" | "Choices") && !path.is_empty() {
                return Err(form(format!("the choice {:?} is not closed", path.join(" > "))));
            }
            continue;
        }
        if inside.starts_with('/') {
            path.pop();
            continue;
        }
        let value = attribute(inside, "value").filter(|value| !value.trim().is_empty());
        let Some(value) = value else {
            return Err(form("a choice has no value".to_owned()));
        };
        path.push(value.trim().to_owned());
        if path.len() > MAX_DEPTH {
            return Err(form(format!(
                "{:?} is deeper than the {MAX_DEPTH} levels a tree may have",
                path.join(" > ")
            )));
        }
        if seen.insert(path.clone()) {
            paths.push(path.clone());
        }
        if inside.trim_end().ends_with('/') {
            path.pop();
        }
    }
    match path.is_empty() {
        true => Ok(paths),
        false => Err(form(format!("the choice {:?} is not closed", path.join(" > ")))),
    }
}

fn form(reason: String) -> LabelTreeError {
    LabelTreeError::Form { reason }
}

/// Where the tag that begins here ends: at the first `>` outside quotes.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute, with entities resolved.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let (before, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, tail) = after.get(1..)?.split_once(quote)?;
        if before.trim().rsplit(char::is_whitespace).next() == Some(name) {
            return Some(unescaped(value));
        }
        rest = tail;
    }
}

fn unescaped(value: &str) -> String {
    let named = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    named
        .iter()
        .fold(value.to_owned(), |value, (entity, c)| value.replace(entity, c))
}
