//! Embeddings of many texts as one block of numbers.

/// One row of `dim` values per text, row-major f32.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embeddings {
    /// Values per text.
    pub dim: usize,
    /// `(n_texts, dim)`, row-major.
    pub data: Vec<f32>,
}

impl Embeddings {
    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The embedding of text `i`; `None` beyond the end.
    pub fn row(&self, i: usize) -> Option<&[f32]> {
        self.data.get(i * self.dim..(i + 1) * self.dim)
    }

    /// The embeddings of these texts, in this order; texts beyond the end are left out.
    pub fn rows(&self, texts: &[usize]) -> Embeddings {
        let rows = texts.iter().filter_map(|text| self.row(*text));
        Embeddings {
            dim: self.dim,
            data: rows.flatten().copied().collect(),
        }
    }
}
