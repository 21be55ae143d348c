//! The losses SetFit can tune with: which there are, and their values on batches of groups and of pairs.
//!
//! All compare cosines, so that embeddings of any length will do.

use candle_core::{D, Result, Tensor};

use super::groups::GroupBatch;
use super::pairs::PairBatch;
use crate::model::Targets;
use crate::train::losses::{self, cosine, cosine_matrix};
use crate::train::{Options, TrainError, TrainingSet, trees};

/// The values of the option `loss`, in this order.
pub const LOSSES: [&str; 5] = ["auto", "cosine", "contrastive", "supervised-contrastive", "triplet"];

/// Up to so many labels `auto` takes the cosine. Measured with 2, 4, 10, 77 and 150 (`docs/decisions/fast-sampler.md`).
const FEW_LABELS: usize = 8;

/// Added to what must not be chosen: far beyond any cosine over any temperature, and yet a number.
const FAR: f32 = 1e9;

/// What tuning makes small.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `(cos − s)²` with s = 1 for similar pairs and 0 for others: sentence-transformers' `CosineSimilarityLoss`.
    Cosine,
    /// `½ d²` for similar pairs and `½ max(0, margin − d)²` for others, d = 1 − cos: `ContrastiveLoss` (Hadsell et al. 2006).
    Contrastive {
        /// From this distance on dissimilar texts are left alone.
        margin: f64,
    },
    /// Each text against all others of its batch, as a softmax over cosines (Khosla et al. 2020, the sum outside the logarithm).
    SupervisedContrastive {
        /// Cosines are divided by this.
        temperature: f64,
    },
    /// `max(0, cos(text, nearest other) − cos(text, farthest fellow) + margin)`: batch-hard triplets (Hermans et al. 2017).
    ///
    /// Batch-hard, not semi-hard: in batches of a few labels with four texts each there is often no semi-hard negative.
    Triplet {
        /// How much nearer than any other text every fellow should be.
        margin: f64,
    },
}

impl Loss {
    /// The loss that `options` ask for; with `auto` the one that `set` is best served with.
    ///
    /// # Errors
    /// A loss that compares whole batches with a sampler that draws pairs.
    pub fn for_set(set: &TrainingSet, options: &Options) -> std::result::Result<Self, TrainError> {
        let (margin, temperature) = (options.get("margin"), options.get("temperature"));
        let name = match options.word("loss") {
            "auto" => usual(set, options),
            asked => asked,
        };
        let loss = match name {
            "contrastive" => Loss::Contrastive { margin },
            "supervised-contrastive" => Loss::SupervisedContrastive { temperature },
            "triplet" => Loss::Triplet { margin },
            _ => Loss::Cosine,
        };
        let sampler = super::sampler::name(options);
        if loss.needs_groups() && sampler != "fast" {
            return Err(TrainError::BadSet(format!(
                "the loss {name} compares each text with all others of its batch, and the sampler {sampler} draws single pairs; use sampler=fast, or loss=cosine or contrastive"
            )));
        }
        Ok(loss)
    }

    /// As the option names it.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Cosine => "cosine",
            Loss::Contrastive { .. } => "contrastive",
            Loss::SupervisedContrastive { .. } => "supervised-contrastive",
            Loss::Triplet { .. } => "triplet",
        }
    }

    fn needs_groups(self) -> bool {
        matches!(self, Loss::SupervisedContrastive { .. } | Loss::Triplet { .. })
    }

    /// The loss of a batch whose texts are all compared; `embeddings` is `(texts, dim)` f32. A scalar.
    ///
    /// A text that shares its label with no other of the batch adds nothing to the supervised contrastive and the triplet loss.
    pub fn of_groups(self, embeddings: &Tensor, batch: &GroupBatch) -> Result<Tensor> {
        let n = batch.texts.len();
        let square = |numbers: &[f32]| Tensor::from_slice(numbers, (n, n), embeddings.device());
        match self {
            Loss::Cosine => losses::all_pairs(embeddings, &batch.similarity, &batch.weight),
            Loss::Contrastive { margin } => {
                let errors = contrastive(&cosine_matrix(embeddings)?, &square(&batch.similarity)?, margin)?;
                (errors * square(&batch.weight)?)?.sum_all()
            }
            Loss::SupervisedContrastive { temperature } => {
                let logits = ((cosine_matrix(embeddings)? / temperature)? - square(&outside(batch, |_| true))?)?;
                let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
                let log_probs = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)?;
                (log_probs * square(&shares(batch))?)?.sum_all()?.neg()
            }
            Loss::Triplet { margin } => {
                let cosines = cosine_matrix(embeddings)?;
                let fellows = (cosines.detach() + square(&outside(batch, |similar| similar))?)?;
                let others = (cosines.detach() - square(&outside(batch, |similar| !similar))?)?;
                let at = |place: Tensor| cosines.gather(&place, D::Minus1)?.squeeze(D::Minus1);
                let farthest = at(fellows.argmin_keepdim(D::Minus1)?)?;
                let nearest = at(others.argmax_keepdim(D::Minus1)?)?;
                let errors = ((nearest - farthest)? + margin)?.relu()?;
                (errors * Tensor::new(anchors(batch), embeddings.device())?)?.sum_all()
            }
        }
    }

    /// The loss of drawn pairs, their mean; `embeddings` is `(texts, dim)` f32. A scalar.
    ///
    /// # Errors
    /// For losses that compare whole batches; [`Loss::for_set`] keeps them from coming here.
    pub fn of_pairs(self, embeddings: &Tensor, batch: &PairBatch) -> Result<Tensor> {
        let device = embeddings.device();
        match self {
            Loss::Cosine => losses::cosine_similarity(embeddings, &batch.left, &batch.right, &batch.similarity),
            Loss::Contrastive { margin } => {
                let rows = |rows: &[u32]| embeddings.index_select(&Tensor::new(rows, device)?, 0);
                let cosines = cosine(&rows(&batch.left)?, &rows(&batch.right)?)?;
                contrastive(&cosines, &Tensor::new(batch.similarity.as_slice(), device)?, margin)?.mean_all()
            }
            _ => candle_core::bail!("this loss compares whole batches, not pairs"),
        }
    }
}

/// What `auto` stands for. Cosine asks for right angles between all labels, which with many of them takes meanings apart that the encoder had
/// put side by side for good reason: there each text need only find its fellows before others.
fn usual(set: &TrainingSet, options: &Options) -> &'static str {
    let counts = set.targets.counts(set.n_labels).unwrap_or_default();
    let n_seen = counts.iter().filter(|n| **n > 0).count();
    let many = n_seen > FEW_LABELS;
    let whole_batches = super::sampler::name(options) == "fast" && !trees::grades_pairs(set, options);
    match (many && whole_batches, &set.targets) {
        (true, Targets::Single(_)) => "supervised-contrastive",
        _ => "cosine",
    }
}

/// `½ s d² + ½ (1 − s) max(0, margin − d)²` of each pair.
fn contrastive(cosines: &Tensor, similarity: &Tensor, margin: f64) -> Result<Tensor> {
    let near = cosines.affine(-1.0, 1.0)?.sqr()?;
    let far = cosines.affine(1.0, margin - 1.0)?.relu()?.sqr()?;
    ((similarity * near)? + (similarity.affine(-1.0, 1.0)? * far)?)? * 0.5
}

/// 0 for the pairs of a batch that count and are of the wanted kind, [`FAR`] for all others.
fn outside(batch: &GroupBatch, wanted: impl Fn(bool) -> bool) -> Vec<f32> {
    let inside = |(weight, similarity): (&f32, &f32)| *weight > 0.0 && wanted(*similarity > 0.0);
    let pairs = batch.weight.iter().zip(&batch.similarity);
    pairs.map(|pair| if inside(pair) { 0.0 } else { FAR }).collect()
}

/// What the logarithm of each pair's probability counts: the same for every text that has fellows, spread evenly over these.
fn shares(batch: &GroupBatch) -> Vec<f32> {
    let n = batch.texts.len();
    let n_fellows: Vec<f32> = batch.similarity.chunks(n).map(|row| row.iter().sum()).collect();
    let n_anchors = n_fellows.iter().filter(|n| **n > 0.0).count().max(1) as f32;
    let share = |(at, similarity): (usize, &f32)| similarity / (n_fellows[at / n].max(1.0) * n_anchors);
    batch.similarity.iter().enumerate().map(share).collect()
}

/// What each text counts in the triplet loss: the same for all that have fellows and others.
fn anchors(batch: &GroupBatch) -> Vec<f32> {
    let n = batch.texts.len();
    let rows = batch.similarity.chunks(n).zip(batch.weight.chunks(n));
    let has_both = rows.map(|(similarity, weight)| {
        let pairs = || similarity.iter().zip(weight);
        pairs().any(|(s, w)| *w > 0.0 && *s > 0.0) && pairs().any(|(s, w)| *w > 0.0 && *s == 0.0)
    });
    let has_both: Vec<bool> = has_both.collect();
    let n_anchors = has_both.iter().filter(|has| **has).count().max(1) as f32;
    has_both.into_iter().map(|has| f32::from(has) / n_anchors).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::core::{TaskKind, rng};
    use crate::train::method;
    use crate::train::setfit::groups::Groups;

    const EMBEDDINGS: [[f32; 3]; 6] = [
        [1.0, 0.2, -0.5],
        [0.4, 2.0, 0.1],
        [3.0, 3.0, 0.3],
        [-1.0, 0.5, 0.7],
        [0.2, -0.3, 1.5],
        [0.9, 0.1, -1.2],
    ];
    const LABELS: [usize; 6] = [0, 1, 1, 2, 2, 0];

    /// All texts in one batch, in their order.
    fn groups(targets: &Targets) -> GroupBatch {
        let mut sampler = Groups::new(targets, 3, 16, rng::stream(0, "groups")).unwrap();
        let drawn = sampler.next_batch();
        let n = drawn.texts.len();
        let mut batch = drawn.clone();
        for (at, left) in drawn.texts.iter().enumerate() {
            batch.texts[*left] = *left;
            for (other, right) in drawn.texts.iter().enumerate() {
                batch.similarity[left * n + right] = drawn.similarity[at * n + other];
                batch.weight[left * n + right] = drawn.weight[at * n + other];
            }
        }
        batch
    }

    fn pairs() -> PairBatch {
        PairBatch {
            texts: (0..6).collect(),
            left: vec![0, 1, 2, 0, 3],
            right: vec![5, 2, 3, 2, 4],
            similarity: vec![1.0, 0.0, 1.0, 0.0, 0.0],
        }
    }

    fn gradient(loss: &Tensor, var: &Var) -> Vec<f32> {
        let grads = loss.backward().unwrap();
        grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn value(loss: &Tensor) -> f32 {
        loss.to_scalar().unwrap()
    }

    /// Value and gradient of a loss at [`EMBEDDINGS`].
    fn check(loss: impl Fn(&Tensor) -> Result<Tensor>, expected: f32, gradients: &[f32]) {
        let embeddings = Var::new(&EMBEDDINGS, &Device::Cpu).unwrap();
        let found = loss(&embeddings).unwrap();
        assert!(
            (value(&found) - expected).abs() < 2e-6,
            "{} for {expected}",
            value(&found)
        );
        let found = gradient(&found, &embeddings);
        for (found, expected) in found.iter().zip(gradients) {
            assert!((found - expected).abs() < 2e-6, "{found} for {expected}: {found:?}");
        }
    }

    #[test]
    fn contrastive_equals_sentence_transformers() {
        // ContrastiveLoss(model, margin=m)([{"e": E[left]}, {"e": E[right]}], similarity), sentence-transformers 5
        let at = |margin| move |e: &Tensor| Loss::Contrastive { margin }.of_pairs(e, &pairs());
        let half = [
            0.006_465_74,
            0.023_603_16,
            0.022_372_75,
            0.017_656_3,
            -0.003_579_73,
            0.000_969_28,
            0.032_142_4,
            -0.028_470_15,
            -0.036_722_48,
            -0.099_028_41,
            -0.147_786_68,
            -0.035_907_25,
            0.0,
            0.0,
            0.0,
            -0.005_075_56,
            -0.001_707_03,
            -0.003_948_92,
        ];
        check(at(0.5), 0.168_116_58, &half);
        let wide = [
            0.011_857_56,
            0.064_426_94,
            0.049_485_91,
            0.038_901_04,
            -0.007_886_99,
            0.002_135_55,
            0.031_868_46,
            -0.027_255_1,
            -0.046_133_57,
            -0.084_586_14,
            -0.159_803_54,
            -0.006_691_96,
            -0.025_389_09,
            0.014_105_05,
            0.006_206_22,
            -0.005_075_56,
            -0.001_707_03,
            -0.003_948_92,
        ];
        check(at(0.9), 0.249_798_21, &wide);
    }

    #[test]
    fn contrastive_of_groups_weighs_the_same_pairs() {
        let batch = groups(&Targets::Single(LABELS.to_vec()));
        let embeddings = Var::new(&EMBEDDINGS, &Device::Cpu).unwrap();
        let loss = Loss::Contrastive { margin: 0.9 };
        let all = value(&loss.of_groups(&embeddings, &batch).unwrap());
        let mut sum = 0.0;
        for (at, weight) in batch.weight.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let pair = PairBatch {
                left: vec![at as u32 / 6],
                right: vec![at as u32 % 6],
                similarity: vec![batch.similarity[at]],
                ..pairs()
            };
            sum += weight * value(&loss.of_pairs(&embeddings, &pair).unwrap());
        }
        assert!((all - sum).abs() < 1e-6, "{all} {sum}");
    }

    #[test]
    fn supervised_contrastive_equals_setfits() {
        let batch = groups(&Targets::Single(LABELS.to_vec()));
        let at = |temperature| {
            let batch = &batch;
            move |e: &Tensor| Loss::SupervisedContrastive { temperature }.of_groups(e, batch)
        };
        // setfit.losses.SupConLoss(model)([{"e": E}], torch.tensor([0, 1, 1, 2, 2, 0])), setfit 1.2
        let usual = [
            0.066_395_27,
            0.296_128_87,
            0.251_242_04,
            -0.291_277_83,
            0.052_307_04,
            0.118_970_71,
            0.084_430_29,
            -0.078_597_3,
            -0.058_33,
            -0.010_058_62,
            0.453_259_9,
            -0.338_126_5,
            0.278_731_05,
            -0.135_457_25,
            -0.064_255_6,
            -0.039_607_79,
            -0.010_559_62,
            -0.030_585_81,
        ];
        check(at(0.07), 0.081_960_14, &usual);
        // the same with temperature=0.5, base_temperature=0.5
        let soft = [
            0.075_473_5,
            0.224_220_56,
            0.240_635_23,
            -0.092_818_92,
            0.017_627_43,
            0.018_727_23,
            0.057_138_27,
            -0.055_299_92,
            -0.018_383_54,
            -0.035_570_75,
            0.255_341_2,
            -0.233_201_94,
            0.295_849_86,
            -0.009_278_96,
            -0.041_302_44,
            -0.019_167_37,
            0.093_599_81,
            -0.006_575_55,
        ];
        check(at(0.5), 0.769_734_6, &soft);
    }

    #[test]
    fn triplet_equals_sentence_transformers() {
        let batch = groups(&Targets::Single(LABELS.to_vec()));
        let at = |margin| {
            let batch = &batch;
            move |e: &Tensor| Loss::Triplet { margin }.of_groups(e, batch)
        };
        // BatchHardTripletLoss(model, distance_metric=cosine_distance, margin=m)([{"e": E}], torch.tensor([0, 1, 1, 2, 2, 0]))
        let quarter = [
            0.049_630_6,
            0.183_340_95,
            0.172_597_56,
            -0.110_110_12,
            0.020_027_64,
            0.039_887_72,
            0.044_855_87,
            -0.041_049_15,
            -0.038_067_26,
            -0.000_754_06,
            0.152_879_24,
            -0.110_276_69,
            0.086_718,
            -0.048_176_67,
            -0.021_197_74,
            -0.038_526_2,
            -0.012_957_24,
            -0.029_974_42,
        ];
        check(at(0.25), 0.060_075_26, &quarter);
        let half = [
            0.076_795_27,
            0.196_582_78,
            0.232_223_66,
            -0.110_110_12,
            0.020_027_64,
            0.039_887_72,
            0.061_351_56,
            -0.058_106_53,
            -0.032_450_27,
            -0.050_082_53,
            0.193_923_55,
            -0.210_063_31,
            0.249_317_11,
            -0.019_671_8,
            -0.037_176_64,
            -0.026_258_19,
            0.049_238_79,
            -0.015_590_41,
        ];
        check(at(0.5), 0.218_667_1, &half);
    }

    const ALL: [Loss; 4] = [
        Loss::Cosine,
        Loss::Contrastive { margin: 0.9 },
        Loss::SupervisedContrastive { temperature: 0.3 },
        Loss::Triplet { margin: 0.5 },
    ];

    #[test]
    fn gradients_agree_with_finite_differences() {
        let batch = groups(&Targets::Single(LABELS.to_vec()));
        type Of<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;
        let mut losses: Vec<Of<'_>> = Vec::new();
        for loss in ALL {
            let batch = &batch;
            losses.push(Box::new(move |e| loss.of_groups(e, batch)));
            if !loss.needs_groups() {
                losses.push(Box::new(move |e| loss.of_pairs(e, &pairs())));
            }
        }
        for (at, loss) in losses.iter().enumerate() {
            let data = EMBEDDINGS.concat();
            let of = |data: &[f32]| Var::from_slice(data, (6, 3), &Device::Cpu).unwrap();
            let embeddings = of(&data);
            let gradient = gradient(&loss(&embeddings).unwrap(), &embeddings);
            for i in 0..data.len() {
                let moved = |h: f32| {
                    let mut data = data.clone();
                    data[i] += h;
                    f64::from(value(&loss(&of(&data)).unwrap()))
                };
                let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                assert!(
                    (slope - f64::from(gradient[i])).abs() < 2e-3,
                    "{at} {i}: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn texts_alone_in_their_label_and_zero_embeddings_give_numbers() {
        let lonely = groups(&Targets::Single(vec![0, 0, 1, 2]));
        let without = groups(&Targets::Multi(vec![vec![0], vec![0], vec![], vec![]]));
        for batch in [&lonely, &without] {
            for loss in ALL {
                let embeddings = Var::new(
                    &[[0f32, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 1.0, 1.0], [0.3, 0.3, -1.0]],
                    &Device::Cpu,
                );
                let embeddings = embeddings.unwrap();
                let found = loss.of_groups(&embeddings, batch).unwrap();
                assert!(value(&found).is_finite(), "{loss:?}");
                assert!(gradient(&found, &embeddings).iter().all(|g| g.is_finite()), "{loss:?}");
            }
        }
        // Two texts that share a label, and others alone in theirs: only the two are anchors.
        let loss = Loss::SupervisedContrastive { temperature: 1.0 };
        let embeddings = Tensor::new(&[[1f32, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], &Device::Cpu).unwrap();
        // Cosines with the two others and the fellow: 0, −1, 0 and 0, 0, −1: −ln(1 / (1 + e⁻¹ + 1)) each.
        let expected = (2.0 + (-1f32).exp()).ln();
        assert!((value(&loss.of_groups(&embeddings, &lonely).unwrap()) - expected).abs() < 1e-6);
    }

    /// One label a text, of each label so many texts.
    fn set_of(counts: &[usize]) -> TrainingSet {
        let targets: Vec<usize> = counts
            .iter()
            .enumerate()
            .flat_map(|(label, n)| vec![label; *n])
            .collect();
        let texts = (0..targets.len()).map(|at| at.to_string().into()).collect();
        TrainingSet::new(texts, Targets::Single(targets), counts.len(), TaskKind::SingleLabel)
    }

    #[test]
    fn the_loss_follows_the_number_of_labels_unless_it_is_named() {
        let setfit = method("setfit").unwrap();
        let name = |set: &TrainingSet, settings: &[(&str, &str)]| {
            Loss::for_set(set, &setfit.parse(settings).unwrap()).unwrap().name()
        };
        let (eight, nine) = (set_of(&[2; 8]), set_of(&[2; 9]));
        assert_eq!(name(&eight, &[]), "cosine");
        assert_eq!(name(&nine, &[]), "supervised-contrastive");
        assert_eq!(
            name(&set_of(&[2, 2, 2, 2, 2, 2, 2, 2, 0]), &[]),
            "cosine",
            "a label without texts"
        );
        assert_eq!(name(&nine, &[("sampler", "iterations")]), "cosine");
        for loss in &LOSSES[1..] {
            assert_eq!(name(&nine, &[("loss", *loss)]), *loss);
        }
        let several = Targets::Multi((0..18).map(|at| vec![at % 9]).collect());
        let several = TrainingSet::new(nine.texts.clone(), several, 9, TaskKind::MultiLabel);
        assert_eq!(name(&several, &[]), "cosine");
    }

    #[test]
    fn losses_of_whole_batches_refuse_drawn_pairs() {
        let setfit = method("setfit").unwrap();
        let set = set_of(&[8, 8]);
        for (loss, needs_groups) in LOSSES.iter().zip([false, false, false, true, true]) {
            for sampler in ["fast", "iterations", "unique", "oversampling", "undersampling"] {
                let options = setfit.parse(&[("loss", *loss), ("sampler", sampler)]).unwrap();
                let found = Loss::for_set(&set, &options).map_err(|error| error.to_string());
                match needs_groups && sampler != "fast" {
                    true => assert!(found.unwrap_err().contains("use sampler=fast"), "{loss} {sampler}"),
                    false => assert!(found.is_ok(), "{loss} {sampler}"),
                }
            }
        }
    }
}
