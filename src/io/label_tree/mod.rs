//! A label tree written down on its own: indented lines, paths, a table of nodes and parents, nested JSON, a labelling configuration of Label Studio.

mod json;
mod nodes;
mod xml;

use std::path::Path;

use crate::core::outline;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 32 << 20;

/// Why a tree cannot be read; the project is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum LabelTreeError {
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {reason}; no label was added")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// Nothing in it is a label.
    #[error(
        "there is no label in it; write one a line, indented below its parent, or a table with the columns id, name and parent"
    )]
    Empty,
    /// A node is said to stand below two others.
    #[error(
        "{node:?} has two parents, {first:?} and {second:?}: a label stands in one place; no label was added. Give one of the two an id of its own"
    )]
    TwoParents {
        /// The node.
        node: String,
        /// The parent met first.
        first: String,
        /// The other.
        second: String,
    },
    /// A parent that is no node.
    #[error("{node:?} stands below {parent:?}, which is not in the table; no label was added")]
    UnknownParent {
        /// The node.
        node: String,
        /// The parent.
        parent: String,
    },
    /// Going up from a node leads back to it.
    #[error("{node:?} stands below itself; no label was added")]
    Circle {
        /// The node.
        node: String,
    },
    /// The form is none that is understood.
    #[error("{reason}; no label was added")]
    Form {
        /// What is wrong.
        reason: String,
    },
}

/// Reads a tree from a file, parents first: [`of_text`] of what it holds.
///
/// # Errors
/// [`LabelTreeError`].
pub fn read(path: &Path) -> Result<Vec<Vec<String>>, LabelTreeError> {
    let io = |reason: String| LabelTreeError::Io {
        path: path.display().to_string(),
        reason,
    };
    let size = std::fs::metadata(path).map_err(|error| io(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(io(format!(
            "it is larger than the {} MB that a tree may have",
            MAX_BYTES >> 20
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| io(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| io("it is not UTF-8".to_owned()))?;
    of_text(&text)
}

/// The paths of a tree, parents first, no path twice. The form is told by the first characters: `<` a labelling configuration, `[` or `{`
/// JSON, a header with a column `parent` a table, anything else indented lines or paths with ` > `.
///
/// # Errors
/// [`LabelTreeError`]; a node with two parents is refused by name. The same name below different parents is two labels.
pub fn of_text(text: &str) -> Result<Vec<Vec<String>>, LabelTreeError> {
    let text = text.trim_start_matches('\u{feff}');
    let paths = match text.trim_start().chars().next() {
        Some('<') => xml::paths(text)?,
        Some('[' | '{') => json::paths(text)?,
        _ => match nodes::table(text) {
            Some(rows) => nodes::paths(&rows?)?,
            None => outline::paths(text),
        },
    };
    if paths.is_empty() {
        return Err(LabelTreeError::Empty);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> Vec<String> {
        of_text(text).unwrap().into_iter().map(|path| path.join("/")).collect()
    }

    const EXPECTED: [&str; 4] = ["Home", "Home/Kitchen", "Home/Kitchen/Knives", "Garden"];

    #[test]
    fn every_form_holds_the_same_tree() {
        for text in [
            "Home\n  Kitchen\n    Knives\nGarden\n",
            "id,name,parent\n1,Home,\n2,Kitchen,1\n3,Knives,2\n4,Garden,\n",
            "name\tparent\nKnives\tKitchen\nKitchen\tHome\nHome\t\nGarden\t\n",
            r#"[{"name": "Home", "children": [{"name": "Kitchen", "children": [{"name": "Knives"}]}]}, "Garden"]"#,
            r#"{"Home": {"Kitchen": ["Knives"]}, "Garden": null}"#,
            r#"[["Home", "Kitchen", "Knives"], ["Garden"]]"#,
            r#"[{"id": 1, "name": "Home"}, {"id": 2, "name": "Kitchen", "parent": 1}, {"id": 3, "name": "Knives", "parent": 2}, {"id": 4, "name": "Garden", "parent": null}]"#,
            r#"<View><Text name="t" value="$text"/><Taxonomy name="x" toName="t"><Choice value="Home"><Choice value="Kitchen"><Choice value="Knives" /></Choice></Choice><!-- a > b --><Choice value='Garden'/></Taxonomy></View>"#,
        ] {
            let mut paths = joined(text);
            if paths.first().is_some_and(|first| first == "Home/Kitchen/Knives") {
                paths.sort();
            }
            assert_eq!(paths, EXPECTED, "{text}");
        }
    }

    #[test]
    fn a_node_with_two_parents_is_refused_by_name() {
        for text in [
            "id,name,parent\n1,Home,\n2,Garden,\n3,Tools,1\n3,Tools,2\n",
            "name,parent\nHome,\nGarden,\nTools,Home\nTools,Garden\n",
            r#"[{"name": "Home"}, {"name": "Garden"}, {"name": "Tools", "parent": "Home"}, {"name": "Tools", "parent": "Garden"}]"#,
        ] {
            let error = of_text(text).unwrap_err().to_string();
            assert!(
                error.contains("\"Tools\" has two parents, \"Home\" and \"Garden\""),
                "{error}"
            );
        }
    }

    #[test]
    fn the_same_name_below_different_parents_is_two_labels() {
        let text = "id,name,parent\n1,Sports,\n2,Photo,\n3,Accessories,1\n4,Accessories,2\n";
        assert_eq!(
            joined(text),
            ["Sports", "Sports/Accessories", "Photo", "Photo/Accessories"]
        );
    }

    #[test]
    fn what_is_no_tree_says_why() {
        let says = |text: &str, part: &str| {
            let error = of_text(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        says("", "no label in it");
        says(
            "name,parent\nA,B\n",
            "\"A\" stands below \"B\", which is not in the table",
        );
        says("name,parent\nA,B\nB,A\n", "stands below itself");
        says("{\"a\": 3}", "3 is no label");
        says("[1, ", "not valid JSON");
        says("<View><Taxonomy><Choice value=\"A\"></Taxonomy></View>", "not closed");
        says("<View><Choices></Choices></View>", "no label in it");
    }
}
