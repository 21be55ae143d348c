//! Losses on embeddings, differentiable, and the plain ones on logits.
//!
//! Not here: weights, label smoothing and the focal factor ([`super::class_losses`]).

use candle_core::{D, Result, Tensor};

use super::class_losses::{log_softmax, softplus};

/// Squares of lengths below this count as this, so that a zero embedding has a cosine (0) and a gradient.
const EPS: f64 = 1e-8;

/// Cosine of each row of `u` with the same row of `v`: `(n, dim)` twice to `(n)`.
///
/// `u·v / max(‖u‖·‖v‖, 1e-8)`, as `torch.nn.functional.cosine_similarity`. Embeddings need not be normalised.
pub fn cosine(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    let dot = (u * v)?.sum(D::Minus1)?;
    let squares = (u.sqr()?.sum(D::Minus1)? * v.sqr()?.sum(D::Minus1)?)?;
    let lengths = squares.maximum(&squares.ones_like()?.affine(EPS * EPS, 0.0)?)?.sqrt()?;
    dot / lengths
}

/// Mean of `(cos(u, v) − similarity)²` over the pairs: sentence-transformers' `CosineSimilarityLoss`.
///
/// `embeddings` is `(n_texts, dim)`; `left` and `right` are rows of it, and `similarity` the cosine to aim at, one per pair.
/// Returns a scalar.
pub fn cosine_similarity(embeddings: &Tensor, left: &[u32], right: &[u32], similarity: &[f32]) -> Result<Tensor> {
    let device = embeddings.device();
    let rows = |rows: &[u32]| embeddings.index_select(&Tensor::new(rows, device)?, 0);
    let error = (cosine(&rows(left)?, &rows(right)?)? - Tensor::new(similarity, device)?)?;
    error.sqr()?.mean_all()
}

/// Cosine of every row with every row: `(n, dim)` to `(n, n)`. A row shorter than 1e-8 counts as that long.
pub fn cosine_matrix(embeddings: &Tensor) -> Result<Tensor> {
    let squares = embeddings.sqr()?.sum_keepdim(D::Minus1)?;
    let lengths = squares.maximum(&squares.ones_like()?.affine(EPS * EPS, 0.0)?)?.sqrt()?;
    let unit = embeddings.broadcast_div(&lengths)?;
    unit.matmul(&unit.t()?)
}

/// `Σ weight · (cos − similarity)²` over all ordered pairs of rows: the same loss where a batch's pairs are all compared.
///
/// `embeddings` is `(n, dim)`; `similarity` and `weight` are `(n, n)`, row-major. Returns a scalar.
pub fn all_pairs(embeddings: &Tensor, similarity: &[f32], weight: &[f32]) -> Result<Tensor> {
    let (n, device) = (embeddings.dim(0)?, embeddings.device());
    let square = |numbers: &[f32]| Tensor::from_slice(numbers, (n, n), device);
    let error = (cosine_matrix(embeddings)? - square(similarity)?)?;
    (error.sqr()? * square(weight)?)?.sum_all()
}

/// Mean of `−ln softmax(logits)[class]`: `(n, classes)` f32 and `(n)` u32 to a scalar.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    log_softmax(logits)?
        .gather(&classes.unsqueeze(1)?, 1)?
        .neg()?
        .mean_all()
}

/// Mean of `−y ln σ(z) − (1 − y) ln(1 − σ(z))` over all logits `z` and targets `y` in 0..=1, both `(n, labels)` f32, to a scalar.
///
/// As `max(z, 0) − z y + ln(1 + e^−|z|)`, which no logit overflows.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    (softplus(logits)? - (logits * targets)?)?.mean_all()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use rand::RngExt;

    use super::*;
    use crate::core::rng;

    const LEFT: [u32; 4] = [0, 1, 2, 0];
    const RIGHT: [u32; 4] = [1, 2, 3, 3];
    const SIMILARITY: [f32; 4] = [1.0, 0.0, 0.0, 1.0];

    fn loss(data: &[f32]) -> (Var, Tensor) {
        let embeddings = Var::from_slice(data, (4, data.len() / 4), &Device::Cpu).unwrap();
        let loss = cosine_similarity(&embeddings, &LEFT, &RIGHT, &SIMILARITY).unwrap();
        (embeddings, loss)
    }

    #[test]
    fn the_value_is_right_on_a_hand_computed_case() {
        // cosines: (1,0)·(0,2) = 0; (0,2)·(3,3) = 1/√2; (3,3)·(-1,0) = -1/√2; (1,0)·(-1,0) = -1
        // ((0-1)² + ½ + ½ + (-1-1)²) / 4 = 1.5
        let (_, loss) = loss(&[1.0, 0.0, 0.0, 2.0, 3.0, 3.0, -1.0, 0.0]);
        assert!((loss.to_scalar::<f32>().unwrap() - 1.5).abs() < 1e-6);
    }

    #[test]
    fn cross_entropies_equal_torchs() {
        // torch.nn.functional.cross_entropy(torch.tensor([[1., 2., 0.5], [-1., 0., 3.]]), torch.tensor([1, 0]))
        let logits = Tensor::new(&[[1f32, 2.0, 0.5], [-1.0, 0.0, 3.0]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &Tensor::new(&[1u32, 0], &Device::Cpu).unwrap()).unwrap();
        assert!((loss.to_scalar::<f32>().unwrap() - 2.265_126_5).abs() < 1e-6);
        // torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([[2., -1., 200.], [-200., 0., 0.5]]), torch.tensor([[1., 0., 0.], [1., 1., 0.]]))
        let logits = Var::new(&[[2f32, -1.0, 200.0], [-200.0, 0.0, 0.5]], &Device::Cpu).unwrap();
        let targets = Tensor::new(&[[1f32, 0.0, 0.0], [1.0, 1.0, 0.0]], &Device::Cpu).unwrap();
        let loss = binary_cross_entropy(&logits, &targets).unwrap();
        assert!((loss.to_scalar::<f32>().unwrap() - 67.017_89).abs() < 1e-4);
        let grads = loss.backward().unwrap();
        let grads = grads
            .get(&logits)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        // (σ(z) − y) / 6
        for (grad, expected) in grads
            .iter()
            .zip([-0.119_202_9, 0.268_941_4, 1.0, -1.0, -0.5, 0.622_459_3])
        {
            assert!((grad - expected / 6.0).abs() < 1e-6, "{grads:?}");
        }
    }

    #[test]
    fn all_pairs_of_equal_weight_are_the_pairs_one_by_one() {
        let data = [1.0f32, 0.0, 0.0, 2.0, 3.0, 3.0, -1.0, 0.0];
        let embeddings = Var::from_slice(&data, (4, 2), &Device::Cpu).unwrap();
        let (mut left, mut right, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        let similarity: Vec<f32> = (0..16).map(|i| f32::from(i % 3 == 0)).collect();
        let weight: Vec<f32> = (0..16).map(|i| if i % 5 == 0 { 0.0 } else { 1.0 / 12.0 }).collect();
        for i in (0..16).filter(|i| i % 5 != 0) {
            left.push(i / 4);
            right.push(i % 4);
            listed.push(similarity[i as usize]);
        }
        let all = all_pairs(&embeddings, &similarity, &weight).unwrap();
        let one_by_one = cosine_similarity(&embeddings, &left, &right, &listed).unwrap();
        let value = |loss: &Tensor| loss.to_scalar::<f32>().unwrap();
        assert!((value(&all) - value(&one_by_one)).abs() < 1e-6);
        let gradient = |loss: &Tensor| {
            let grads = loss.backward().unwrap();
            grads
                .get(&embeddings)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        for (a, b) in gradient(&all).into_iter().zip(gradient(&one_by_one)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut rng = rng::stream(0, "losses");
        let at: Vec<f32> = (0..4 * 6).map(|_| rng.random_range(-1.0..1.0)).collect();
        let (embeddings, value) = loss(&at);
        let gradient = value
            .backward()
            .unwrap()
            .get(&embeddings)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        for i in 0..at.len() {
            let moved = |h: f32| {
                let mut data = at.clone();
                data[i] += h;
                f64::from(loss(&data).1.to_scalar::<f32>().unwrap())
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!(
                (slope - f64::from(gradient[i])).abs() < 1e-3,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn a_zero_embedding_has_a_finite_loss_and_gradient() {
        let (embeddings, loss) = loss(&[0.0, 0.0, 1.0, 0.0, 0.5, 0.5, 0.0, 1.0]);
        assert!(loss.to_scalar::<f32>().unwrap().is_finite());
        let grads = loss.backward().unwrap();
        let gradient = grads
            .get(&embeddings)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }
}
