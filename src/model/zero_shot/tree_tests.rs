//! Scores on trees: consistent whatever an engine says, few questions, what was not asked about.

use proptest::prelude::*;

use super::*;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|at| format!("label {at}")).collect()
}

fn in_tree(parents: Vec<Option<usize>>, descent: Descent) -> InTree {
    let tree = ColumnTree::from_parents(parents).unwrap();
    let answers = (0..tree.len()).map(|column| tree.is_leaf(column)).collect();
    InTree { tree, answers, descent }
}

/// Scores that depend on the text, the label and the wording; with one answer a text they share 1.
fn made_up(asked: &TreeAsked<'_>, seed: u32) -> Answer {
    let of = |row: usize, column: usize, template: usize| {
        let mixed = (row * 31 + column * 17 + template * 7 + seed as usize).wrapping_mul(2_654_435_761);
        (mixed % 1009) as f32 / 1008.0
    };
    let multi = asked.question.multi();
    let rows = |template: usize| -> Rows {
        let row = |row: &usize| {
            let scores: Vec<f32> = asked.columns.iter().map(|column| of(*row, *column, template)).collect();
            let sum: f32 = scores.iter().sum::<f32>().max(1e-6);
            match multi {
                true => scores,
                false => scores.into_iter().map(|score| score / sum).collect(),
            }
        };
        asked.rows.iter().map(row).collect()
    };
    Answer::of_templates((0..asked.question.templates().len()).map(rows).collect())
}

proptest! {
    #[test]
    fn no_score_is_above_its_parents(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..25),
        (multi, flat, beam, n_templates) in (any::<bool>(), any::<bool>(), 1_usize..4, 1_usize..3),
        seed in 0_u32..1000,
    ) {
        let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
        let parents: Vec<Option<usize>> = picks.iter().enumerate().map(parent).collect();
        let descent = if flat { Descent::Flat } else { Descent::TopDown { beam } };
        let in_tree = in_tree(parents, descent);
        let n = in_tree.tree.len();
        let templates: Vec<&str> = ["{}", "on {path}"][..n_templates].to_vec();
        let question = Question::about(&names(n), templates, multi).unwrap();
        let answer = scores_in_tree(&in_tree, &question, 4, &mut |asked| Ok(made_up(asked, seed))).unwrap();
        for row in answer.scores.iter().chain(answer.by_template.iter().flatten()) {
            for column in 0..n {
                prop_assert!((0.0..=1.0).contains(&row[column]));
                let above = in_tree.tree.parent(column).map_or(1.0, |parent| row[parent]);
                prop_assert!(row[column] <= above + 1e-6, "{column}: {row:?}");
            }
            if !multi {
                for parent in (0..n).map(Some).chain([None]) {
                    let below: f32 = in_tree.tree.children(parent).iter().map(|child| row[*child]).sum();
                    prop_assert!(below <= parent.map_or(1.0, |parent| row[parent]) + 1e-5, "{parent:?}: {row:?}");
                }
            }
        }
    }
}

/// Home (Kitchen (Knives, Pots), Garden), Music (Jazz).
fn home(descent: Descent) -> InTree {
    in_tree(vec![None, Some(0), Some(1), Some(1), Some(0), None, Some(5)], descent)
}

#[test]
fn scores_are_products_down_the_tree_and_few_questions_are_asked() {
    let question = Question::about(&names(7), ["{}"], false).unwrap();
    let mut asked_about = Vec::new();
    let answer = scores_in_tree(&home(Descent::TopDown { beam: 1 }), &question, 2, &mut |asked| {
        asked_about.push((asked.columns.to_vec(), asked.rows.to_vec()));
        let row = |row: &usize| match (asked.columns, row) {
            ([0, 5], 0) => vec![0.75, 0.25],
            ([0, 5], _) => vec![0.25, 0.75],
            _ => vec![0.5, 0.5],
        };
        Ok(Answer::of_templates(vec![asked.rows.iter().map(row).collect()]))
    })
    .unwrap();
    assert_eq!(
        asked_about,
        [(vec![0, 5], vec![0, 1]), (vec![1, 4], vec![0]), (vec![2, 3], vec![0])]
    );
    assert_eq!(answer.scores[0], [0.75, 0.375, 0.1875, 0.1875, 0.375, 0.25, 0.25]);
    // An only child has all of its parent's; what is not asked about is shared evenly.
    assert_eq!(answer.scores[1], [0.25, 0.125, 0.0625, 0.0625, 0.125, 0.75, 0.75]);
}

#[test]
fn with_several_paths_every_likely_branch_is_asked_about() {
    let question = Question::about(&names(7), ["{}"], true).unwrap();
    let answer = scores_in_tree(&home(Descent::TopDown { beam: 1 }), &question, 1, &mut |asked| {
        let score = |column: &usize| if *column == 0 { 0.75 } else { 0.875 };
        let row = asked.columns.iter().map(score).collect();
        Ok(Answer::of_templates(vec![vec![row]]))
    })
    .unwrap();
    assert_eq!(answer.scores[0], [0.75, 0.75, 0.75, 0.75, 0.75, 0.875, 0.875]);
}

#[test]
fn flat_asks_once_and_adds_up() {
    let question = Question::about(&names(7), ["{}"], false).unwrap();
    let mut n_asked = 0;
    let mut ask = |asked: &TreeAsked<'_>| {
        n_asked += 1;
        assert_eq!(asked.columns, [2, 3, 4, 6]);
        Ok(Answer::of_templates(vec![vec![vec![0.5, 0.25, 0.125, 0.125]]]))
    };
    let answer = scores_in_tree(&home(Descent::Flat), &question, 1, &mut ask).unwrap();
    assert_eq!(answer.scores[0], [0.875, 0.75, 0.5, 0.25, 0.125, 0.125, 0.125]);
    assert_eq!(n_asked, 1);
}
