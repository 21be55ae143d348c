//! A tree of labels as indented lines: what people paste, keep in text files and read in a terminal.

use std::collections::HashSet;

/// Spaces a level.
const INDENT: usize = 2;

/// Paths from indented lines, parents first, no path twice; a deeper line is a child of the last shallower one. A tab counts four. `a > b` works in any line,
/// and a dash, a star or a bullet before a name goes. Blank lines are passed over.
pub fn paths(text: &str) -> Vec<Vec<String>> {
    let mut open: Vec<(usize, Vec<String>)> = Vec::new();
    let mut seen: HashSet<Vec<String>> = HashSet::new();
    let mut paths: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let width = line
            .chars()
            .take_while(|c| c.is_whitespace())
            .map(|c| if c == '\t' { 4 } else { 1 })
            .sum();
        let line = line.trim().trim_start_matches(['-', '*', '•']).trim();
        let names: Vec<String> = line
            .split('>')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            continue;
        }
        open.retain(|(indent, _)| *indent < width);
        let mut path = open.last().map(|(_, path)| path.clone()).unwrap_or_default();
        path.extend(names);
        open.push((width, path.clone()));
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    }
    paths
}

/// Lines that [`paths`] reads back, from depths (0 for roots) and names, parents first.
pub fn lines<'a>(labels: impl IntoIterator<Item = (usize, &'a str)>) -> String {
    labels
        .into_iter()
        .map(|(depth, name)| format!("{}{name}\n", " ".repeat(INDENT * depth)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_all(text: &str) -> Vec<String> {
        paths(text).into_iter().map(|path| path.join("/")).collect()
    }

    #[test]
    fn indentation_makes_a_tree() {
        let text = "Electronics\n  Phones\n    Smartphones\n  TV\n\n- Home > Kitchen\n\tKnives\nElectronics\n";
        assert_eq!(
            joined_all(text),
            [
                "Electronics",
                "Electronics/Phones",
                "Electronics/Phones/Smartphones",
                "Electronics/TV",
                "Home/Kitchen",
                "Home/Kitchen/Knives"
            ]
        );
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let printed = lines([(0, "Home"), (1, "Kitchen"), (2, "Knives"), (1, "Bedding")]);
        assert_eq!(
            joined_all(&printed),
            ["Home", "Home/Kitchen", "Home/Kitchen/Knives", "Home/Bedding"]
        );
    }
}
