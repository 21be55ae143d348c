//! What a person can say about how a file is to be read, and how it is read in the end.

use serde::{Deserialize, Serialize};

use crate::core::{Split, TaskKind};

/// Which column serves a purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pick {
    /// Whichever looks like it, if any.
    #[default]
    Guess,
    /// None, even when one looks like it.
    Nothing,
    /// The column of this name, or of this number counted from 1.
    Column(String),
}

impl From<Option<String>> for Pick {
    /// `None` guesses.
    fn from(column: Option<String>) -> Self {
        column.map_or(Pick::Guess, Pick::Column)
    }
}

/// How to read a file; everything left at its default is found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Id of an importer.
    pub format: Option<String>,
    /// Name of a character encoding.
    pub encoding: Option<String>,
    /// Between cells, one ASCII character. Only for delimited files.
    pub delimiter: Option<char>,
    /// Whether the first row holds the names of the columns. Only for delimited files.
    pub has_header: Option<bool>,
    /// The column with the text, or with the first of a pair.
    pub text_column: Option<String>,
    /// The column with the second of a pair.
    pub second_column: Pick,
    /// Columns with labels; empty for none. Several columns of 0 and 1 are read as one label each, named by the column.
    pub label_columns: Option<Vec<String>>,
    /// The column with a label's path in a hierarchy.
    pub path_column: Pick,
    /// The columns with the names of a path, one a level from the top down; empty for none. `None`: those called level 1, level 2, … where no
    /// other column has labels.
    #[serde(default)]
    pub level_columns: Option<Vec<String>>,
    /// The column that names the split.
    pub split_column: Pick,
    /// The column with the row's own id.
    pub id_column: Pick,
    /// Between the labels of one cell. `None`: guessed when `task` is multi-label, otherwise a cell holds one label.
    pub label_separator: Option<String>,
    /// Between the names of a path written as one string. `None`: `>` where the column has one, otherwise `/`.
    pub path_separator: Option<String>,
    /// What the project takes. `None` leaves several labels a text as they are.
    pub task: Option<TaskKind>,
    /// Puts every row into this split, whatever its column says.
    pub split: Option<Split>,
    /// Keeps rows whose text is empty: for results that must stand in the order of rows.
    pub keep_empty: bool,
}

/// How the columns of a file are used: [`ReadOptions`] with nothing left open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The column with the text, or with the first of a pair.
    pub text_column: String,
    /// The column with the second of a pair; `None`: the texts stand alone.
    #[serde(default)]
    pub second_column: Option<String>,
    /// Columns with labels.
    pub label_columns: Vec<String>,
    /// The column with label paths.
    pub path_column: Option<String>,
    /// The columns with the names of a path, from the top down.
    #[serde(default)]
    pub level_columns: Vec<String>,
    /// The column that names the split.
    pub split_column: Option<String>,
    /// The column with ids.
    pub id_column: Option<String>,
    /// Between the labels of one cell.
    pub label_separator: Option<String>,
    /// Between the names of a path written as one string.
    pub path_separator: Option<String>,
    /// Whether each label column is one label, marked by 1 or true.
    pub one_label_per_column: bool,
}
