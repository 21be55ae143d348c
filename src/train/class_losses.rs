//! Losses on logits, differentiable: cross-entropy over classes and over yes/no labels, each with weights and the focal factor.
//!
//! Not here: where the weights come from, and losses on embeddings ([`super::losses`]).

use candle_core::{D, Result, Tensor};

/// Added to a logit that takes no part: its exponential is 0, and differences with it stay finite.
const OUT: f32 = -1e30;

/// `ln(1 + eˣ)`, which no `x` overflows: `−ln σ(−x)`.
pub fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

/// `ln Σ exp` of each row: `(n, classes)` to `(n, 1)`.
fn log_sum_exp(logits: &Tensor) -> Result<Tensor> {
    let largest = logits.max_keepdim(D::Minus1)?.detach();
    logits
        .broadcast_sub(&largest)?
        .exp()?
        .sum_keepdim(D::Minus1)?
        .log()?
        .broadcast_add(&largest)
}

/// `ln softmax(logits)`, row by row: `(n, classes)` f32 to the same shape.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    logits.broadcast_sub(&log_sum_exp(logits)?)
}

/// `Σᵢ (1 − pᵢ)^γ Σ_c weights[i, c] · (−ln softmax(logits)[i, c])`, where `pᵢ` is the probability of text `i`'s class.
///
/// `logits` and `weights` are `(n, classes)` f32, `classes` one class a text, γ ≥ 0. Weights that are zero but for the class give
/// weighted cross-entropy, others label smoothing; γ > 0 gives the focal loss (Lin et al., *Focal Loss for Dense Object Detection*, 2017).
/// A sum: for a mean the weights are divided beforehand. Returns a scalar.
pub fn softmax(logits: &Tensor, classes: &[usize], weights: &Tensor, gamma: f64) -> Result<Tensor> {
    let of_text = (log_softmax(logits)? * weights)?.sum_keepdim(D::Minus1)?.neg()?;
    if gamma == 0.0 {
        return of_text.sum_all();
    }
    // The class against all others is a yes/no question: p = σ(margin), so 1 − p loses nothing where p is close to 1.
    let (n, n_classes) = logits.dims2()?;
    let (mut own, mut others) = (vec![0f32; n * n_classes], vec![0f32; n * n_classes]);
    for (text, class) in classes.iter().enumerate() {
        own[text * n_classes + class] = 1.0;
        others[text * n_classes + class] = OUT;
    }
    let table = |numbers: Vec<f32>| Tensor::from_vec(numbers, (n, n_classes), logits.device());
    let own = (logits * table(own)?)?.sum_keepdim(D::Minus1)?;
    let margin = (own - log_sum_exp(&(logits + table(others)?)?)?)?;
    (focal(&margin, gamma)? * of_text)?.sum_all()
}

/// `Σ (1 − p)^γ · (yes · (−ln σ(z)) + no · (−ln σ(−z)))` over all logits `z`, where `p` is σ(z) for labels that are set and σ(−z) for
/// the others.
///
/// `logits`, `yes` and `no` are `(n, labels)` f32: what a logit's two answers weigh. `signs` is 1 where a label is set and −1 where it
/// is not. With `yes` and `no` of one answer alone this is binary cross-entropy; γ > 0 gives the focal loss, as for [`softmax`]. A sum.
pub fn sigmoids(logits: &Tensor, signs: &Tensor, yes: &Tensor, no: &Tensor, gamma: f64) -> Result<Tensor> {
    let losses = ((softplus(&logits.neg()?)? * yes)? + (softplus(logits)? * no)?)?;
    if gamma == 0.0 {
        return losses.sum_all();
    }
    (focal(&(logits * signs)?, gamma)? * losses)?.sum_all()
}

/// `σ(−margin)^γ`.
fn focal(margin: &Tensor, gamma: f64) -> Result<Tensor> {
    softplus(margin)?.affine(-gamma, 0.0)?.exp()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn table<const N: usize, const M: usize>(rows: [[f32; M]; N]) -> Tensor {
        Tensor::new(&rows, &Device::Cpu).unwrap()
    }

    fn value(loss: Tensor) -> f32 {
        loss.to_scalar().unwrap()
    }

    fn gradient(loss: &Tensor, of: &Var) -> Vec<f32> {
        let found = loss.backward().unwrap();
        found.get(of).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn assert_close(found: f32, expected: f32) {
        assert!(
            (found - expected).abs() < 2e-6 * expected.abs().max(1.0),
            "{found} {expected}"
        );
    }

    #[test]
    fn softmax_losses_equal_torchs() {
        // z = torch.tensor([[1., 2., .5], [-1., 0., 3.], [30., -20., 4.]]); y = torch.tensor([1, 0, 2])
        let logits = table([[1.0, 2.0, 0.5], [-1.0, 0.0, 3.0], [30.0, -20.0, 4.0]]);
        let classes = [1, 0, 2];
        // w = torch.tensor([.5, 2., 1.5]); F.cross_entropy(z, y, weight=w, label_smoothing=.1)
        let (w, sum) = ([0.5f32, 2.0, 1.5], 4.0);
        let mut weights = [[0f32; 3]; 3];
        for (row, y) in weights.iter_mut().zip(classes) {
            for (c, cell) in row.iter_mut().enumerate() {
                *cell = w[c] * (0.1 / 3.0 + if c == y { 0.9 } else { 0.0 }) / sum;
            }
        }
        assert_close(
            value(softmax(&logits, &classes, &table(weights), 0.0).unwrap()),
            SMOOTHED,
        );
        // lp = F.log_softmax(z, -1).gather(1, y[:, None])[:, 0]; (-(1 - lp.exp()) ** 2 * lp).mean()
        let third = 1.0 / 3.0;
        let one_hot = table([[0.0, third, 0.0], [third, 0.0, 0.0], [0.0, 0.0, third]]);
        assert_close(value(softmax(&logits, &classes, &one_hot, 2.0).unwrap()), FOCAL_2);
        // (-w[y] * (1 - lp.exp()) ** .5 * lp).sum() / w[y].sum()
        let weighted = table([[0.0, 0.5, 0.0], [0.125, 0.0, 0.0], [0.0, 0.0, 0.375]]);
        assert_close(
            value(softmax(&logits, &classes, &weighted, 0.5).unwrap()),
            FOCAL_WEIGHTED,
        );
    }

    #[test]
    fn sigmoid_losses_equal_torchs() {
        let (set, signs) = (
            table([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]),
            table([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]]),
        );
        let unset = set.affine(-1.0, 1.0).unwrap();
        // F.binary_cross_entropy_with_logits(torch.tensor([[2., -1., 200.], [-200., 0., .5]]), set, pos_weight=torch.tensor([3., .5, 2.]))
        let logits = table([[2.0, -1.0, 200.0], [-200.0, 0.0, 0.5]]);
        let yes = (set
            .broadcast_mul(&Tensor::new(&[3f32, 0.5, 2.0], &Device::Cpu).unwrap())
            .unwrap()
            / 6.0)
            .unwrap();
        let no = (&unset / 6.0).unwrap();
        assert_close(
            value(sigmoids(&logits, &signs, &yes, &no, 0.0).unwrap()),
            POSITIVE_WEIGHTS,
        );
        // torchvision.ops.sigmoid_focal_loss(torch.tensor([[2., -1., 4.], [-3., 0., .5]]), set, alpha, gamma, "mean")
        let logits = table([[2.0, -1.0, 4.0], [-3.0, 0.0, 0.5]]);
        for (alpha, gamma, expected) in [(Some(0.25), 2.0, FOCAL_ALPHA), (None, 1.5, FOCAL_PLAIN)] {
            let (a, b) = alpha.map_or((1.0, 1.0), |a| (a, 1.0 - a));
            let (yes, no) = ((&set * (a / 6.0)).unwrap(), (&unset * (b / 6.0)).unwrap());
            assert_close(value(sigmoids(&logits, &signs, &yes, &no, gamma).unwrap()), expected);
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let start = [0.7f32, -1.2, 0.4, 2.0, -0.3, 0.9];
        let softmax_weights = table([[0.1, 0.8, 0.05], [0.3, 0.02, 0.04]]);
        let (yes, no) = (
            table([[0.2, 0.0, 0.1], [0.9, 0.3, 0.0]]),
            table([[0.1, 0.4, 0.0], [0.0, 0.2, 0.5]]),
        );
        let signs = table([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]]);
        for gamma in [0.0, 0.5, 2.0] {
            let of_classes = |logits: &Tensor| softmax(logits, &[1, 0], &softmax_weights, gamma).unwrap();
            let of_labels = |logits: &Tensor| sigmoids(logits, &signs, &yes, &no, gamma).unwrap();
            for loss in [&of_classes as &dyn Fn(&Tensor) -> Tensor, &of_labels] {
                let logits = Var::from_slice(&start, (2, 3), &Device::Cpu).unwrap();
                let found = gradient(&loss(&logits), &logits);
                for i in 0..start.len() {
                    let moved = |h: f32| {
                        let mut data = start;
                        data[i] += h;
                        f64::from(value(loss(&Tensor::from_slice(&data, (2, 3), &Device::Cpu).unwrap())))
                    };
                    let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                    assert!(
                        (slope - f64::from(found[i])).abs() < 2e-4,
                        "γ {gamma}, {i}: {slope} {}",
                        found[i]
                    );
                }
            }
        }
    }

    #[test]
    fn sure_answers_stay_finite_right_and_wrong() {
        let numbers = [500.0f32, -500.0, 0.0, -500.0, 500.0, 0.0];
        let weights = table([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
        let signs = table([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]);
        let (yes, no) = (table([[1.0; 3], [0.0; 3]]), table([[0.0; 3], [1.0; 3]]));
        for gamma in [0.0, 0.3, 2.0, 10.0] {
            let logits = Var::from_slice(&numbers, (2, 3), &Device::Cpu).unwrap();
            let losses = [
                softmax(&logits, &[0, 0], &weights, gamma).unwrap(),
                sigmoids(&logits, &signs, &yes, &no, gamma).unwrap(),
            ];
            for loss in losses {
                let found = gradient(&loss, &logits);
                assert!(found.iter().all(|g| g.is_finite()), "γ {gamma}: {found:?}");
                // One answer is wrong by 1000, or two by 500 each.
                let loss = value(loss);
                assert!((999.0..2010.0).contains(&loss), "γ {gamma}: {loss}");
            }
        }
    }

    const SMOOTHED: f32 = 10.706_969;
    const FOCAL_2: f32 = 9.997_238;
    const FOCAL_WEIGHTED: f32 = 10.395_371;
    const POSITIVE_WEIGHTS: f32 = 133.669_11;
    const FOCAL_ALPHA: f32 = 0.656_929_25;
    const FOCAL_PLAIN: f32 = 1.252_813_8;
}
