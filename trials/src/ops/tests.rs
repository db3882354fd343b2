//! Every operation against its composed form and against finite differences, on odd shapes; one thread against two.

mod images;

use candle_core::{DType, Device, Result, Tensor, Var};

use super::*;

/// Reproducible numbers in (-1, 1).
fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let len: usize = shape.iter().product();
    let values: Vec<f32> = (0..len as u64)
        .map(|i| {
            let z = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(0xD1B5_4A32_D192_ED03);
            let z = (z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((z >> 40) as f32 / (1u64 << 24) as f32) * 2.0 - 1.0
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn variables(shapes: &[&[usize]]) -> Vec<Var> {
    shapes.iter().enumerate().map(|(i, s)| Var::from_tensor(&numbers(s, i as u64 + 1)).unwrap()).collect()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// A scalar that weighs every output differently.
fn weigh(y: &Tensor) -> Tensor {
    y.mul(&numbers(y.dims(), 99).reshape(y.shape()).unwrap()).unwrap().sum_all().unwrap()
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs())), "{what}[{i}]: {a} and {b}");
    }
}

/// Outputs and gradients of `f` and `reference` agree, and the gradients agree with finite differences of `f`.
fn check(name: &str, variables: &[Var], f: impl Fn(&[Tensor]) -> Result<Tensor>, reference: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let inputs: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let (y, expected) = (f(&inputs).unwrap(), reference(&inputs).unwrap());
    assert_eq!(y.dims(), expected.dims(), "{name}");
    assert_close(&values(&y), &values(&expected), 2e-6, name);
    let gradients = backward(&weigh(&y)).unwrap();
    let through_candle = weigh(&y).backward().unwrap();
    let expected = weigh(&expected).backward().unwrap();
    for (i, input) in inputs.iter().enumerate() {
        let what = format!("{name}, gradient of input {i}");
        let gradient = values(gradients.get(input).unwrap());
        assert_close(&gradient, &values(expected.get(input).unwrap()), 1e-5, &what);
        assert_close(&gradient, &values(through_candle.get(input).unwrap()), 1e-7, &what);

        let at = |element: usize, by: f32| {
            let mut moved = values(input);
            moved[element] += by;
            let mut inputs: Vec<Tensor> = inputs.iter().map(Tensor::detach).collect();
            inputs[i] = Tensor::from_vec(moved, input.shape(), &Device::Cpu).unwrap();
            f64::from(weigh(&f(&inputs).unwrap()).to_scalar::<f32>().unwrap())
        };
        let step = 1e-2;
        for element in (0..gradient.len()).step_by(gradient.len() / 7 + 1) {
            let slope = (at(element, step) - at(element, -step)) / (2.0 * f64::from(step));
            let found = f64::from(gradient[element]);
            assert!((slope - found).abs() <= 5e-3 * (1.0 + found.abs()), "{what}[{element}]: {found}, finite difference {slope}");
        }
    }
}

#[test]
fn linear_matches() {
    for (rows, features, out) in [(1, 1, 1), (7, 5, 3), (33, 65, 19), (130, 17, 40)] {
        let v = variables(&[&[rows, features], &[out, features], &[out]]);
        check("linear", &v, |t| linear(&t[0], &t[1], &t[2]), |t| linear::composed(&t[0], &t[1], &t[2]));
    }
    let v = variables(&[&[2, 3, 4], &[5, 4], &[5]]);
    check("linear of [2, 3, 4]", &v, |t| linear(&t[0], &t[1], &t[2]), |t| linear::composed(&t[0], &t[1], &t[2]));
}

#[test]
fn layer_norm_matches() {
    for (rows, width) in [(1, 2), (5, 7), (3, 33), (260, 65)] {
        let v = variables(&[&[rows, width], &[width], &[width]]);
        check("layer_norm", &v, |t| layer_norm(&t[0], &t[1], &t[2], 1e-2), |t| layer_norm::composed(&t[0], &t[1], &t[2], 1e-2));
    }
}

#[test]
fn activations_match() {
    for kind in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        for shape in [[1, 1], [3, 37], [70, 63]] {
            let v = [Var::from_tensor(&(numbers(&shape, 5) * 4.0).unwrap()).unwrap()];
            check(&format!("{kind:?}"), &v, |t| activation(&t[0], kind), |t| activation::composed(&t[0], kind));
        }
    }
}

#[test]
fn attention_matches() {
    for (batch, queries, tokens, hidden, heads) in [(1, 1, 1, 1, 1), (2, 5, 5, 6, 3), (3, 1, 7, 8, 2), (2, 19, 19, 34, 2)] {
        for rate in [0.0, 0.4] {
            let v = variables(&[&[batch, queries, hidden], &[batch, tokens, hidden], &[batch, tokens, hidden]]);
            let mask: Vec<f32> =
                (0..batch * tokens).map(|i| if i % tokens > 0 && i % tokens + i / tokens >= tokens { 0.0 } else { 1.0 }).collect();
            let mask = Tensor::from_vec(mask, (batch, tokens), &Device::Cpu).unwrap();
            let heads = Heads { count: heads, dropout: Dropout { rate, key: 3 } };
            check(
                &format!("attention with dropout {rate}"),
                &v,
                |t| attention(&t[0], &t[1], &t[2], &mask, heads),
                |t| attention::composed(&t[0], &t[1], &t[2], &mask, heads),
            );
        }
    }
}

#[test]
fn padding_gets_no_attention() {
    let v = variables(&[&[1, 4, 6], &[1, 4, 6], &[1, 4, 6]]);
    let mask = Tensor::new(&[[1f32, 1.0, 0.0, 0.0]], &Device::Cpu).unwrap();
    let heads = Heads { count: 2, dropout: Dropout::NONE };
    let padded = attention(&v[0], &v[1], &v[2], &mask, heads).unwrap();
    let gradients = backward(&weigh(&padded)).unwrap();
    for x in [&v[1], &v[2]] {
        assert!(values(&gradients.get(x).unwrap().narrow(1, 2, 2).unwrap()).iter().all(|&g| g == 0.0));
    }
    let short = |x: &Var| x.narrow(1, 0, 2).unwrap();
    let alone = attention(&v[0], &short(&v[1]), &short(&v[2]), &mask.narrow(1, 0, 2).unwrap(), heads).unwrap();
    assert_close(&values(&padded), &values(&alone), 1e-6, "context");
}

#[test]
fn dropout_matches() {
    for rate in [0.0, 0.3] {
        let d = Dropout { rate, key: 17 };
        for shape in [[1, 1], [5, 9], [70, 63]] {
            let v = variables(&[&shape, &shape]);
            check("dropout", &v[..1], |t| dropout(&t[0], d)?.affine(1.0, 0.0), |t| dropout::composed(&t[0], d)?.affine(1.0, 0.0));
            check("dropout_add", &v, |t| dropout_add(&t[0], &t[1], d), |t| t[1].add(&dropout::composed(&t[0], d)?));
        }
    }
}

#[test]
fn dropout_drops_the_given_share_and_keeps_the_mean() {
    let x = Tensor::ones((500, 400), DType::F32, &Device::Cpu).unwrap();
    for rate in [0.1, 0.5, 0.9] {
        let d = Dropout { rate, key: 1 };
        let y = values(&dropout(&x, d).unwrap());
        let dropped = y.iter().filter(|&&v| v == 0.0).count() as f64 / y.len() as f64;
        // Five standard errors.
        assert!((dropped - rate).abs() < 5.0 * (rate * (1.0 - rate) / y.len() as f64).sqrt(), "{dropped} at {rate}");
        assert!(y.iter().all(|&v| v == 0.0 || (f64::from(v) - 1.0 / (1.0 - rate)).abs() < 1e-5));
        assert_eq!(y, values(&dropout(&x, d).unwrap()));
        assert_ne!(y, values(&dropout(&x, Dropout { key: 2, ..d }).unwrap()));
    }
    assert!(dropout(&x, Dropout { rate: 1.0, key: 1 }).is_err());
    assert!(dropout(&x, Dropout { rate: f64::NAN, key: 1 }).is_err());
}

#[test]
fn sites_and_blocks_have_masks_of_their_own() {
    let mut keys: Vec<u64> = (0..20).flat_map(|block| (0..5).map(move |site| Dropout::at(0.1, 7, block, site).key)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 100);
}

#[test]
fn embedding_matches() {
    let v = variables(&[&[11, 5]]);
    let ids = Tensor::new(&[[1u32, 3, 3], [10, 0, 3]], &Device::Cpu).unwrap();
    check("embedding", &v, |t| embedding(&t[0], &ids), |t| embedding::composed(&t[0], &ids));
    let outside = Tensor::new(&[11u32], &Device::Cpu).unwrap();
    assert!(embedding(&v[0], &outside).unwrap_err().to_string().contains("id 11 is outside a table of 11 rows"));
}

/// Expected values of
/// `torch.nn.CrossEntropyLoss(label_smoothing=s)(torch.tensor([[1., 2, -1], [0.5, 0.25, 3]]), torch.tensor([1, 0]))`.
#[test]
fn cross_entropy_is_that_of_torch() {
    let logits = Var::new(&[[1f32, 2.0, -1.0], [0.5, 0.25, 3.0]], &Device::Cpu).unwrap();
    let labels = Tensor::new(&[1u32, 0], &Device::Cpu).unwrap();
    // From the definition, in double precision: log-sum-exp 2.348 012 and 3.136 451.
    let lse = |r: [f64; 3]| r.iter().map(|x| x.exp()).sum::<f64>().ln();
    let (a, b) = (lse([1.0, 2.0, -1.0]), lse([0.5, 0.25, 3.0]));
    for smoothing in [0.0, 0.1] {
        let hard = f64::midpoint(a - 2.0, b - 0.5);
        let uniform = f64::midpoint(a - 2.0 / 3.0, b - 3.75 / 3.0);
        let expected = (1.0 - smoothing) * hard + smoothing * uniform;
        let loss = cross_entropy(&logits, &labels, smoothing).unwrap();
        assert!((f64::from(loss.to_scalar::<f32>().unwrap()) - expected).abs() < 1e-6);
        let gradient = values(backward(&loss).unwrap().get(&logits).unwrap());
        let target = |hit: bool| smoothing / 3.0 + if hit { 1.0 - smoothing } else { 0.0 };
        let rows = [([1.0, 2.0, -1.0], a, 1), ([0.5, 0.25, 3.0], b, 0)];
        let exact: Vec<f32> = rows
            .iter()
            .flat_map(|(row, lse, label)| (0..3).map(move |c| ((f64::exp(row[c] - lse) - target(c == *label)) / 2.0) as f32))
            .collect();
        assert_close(&gradient, &exact, 1e-6, "gradient");
    }
    let outside = Tensor::new(&[1u32, 3], &Device::Cpu).unwrap();
    assert!(cross_entropy(&logits, &outside, 0.0).is_err());
}

/// Expected values of the same with `weight=torch.tensor([0.5, 2.0, 1.25])`, in double precision.
#[test]
fn weighted_cross_entropy_is_that_of_torch() {
    let logits = Var::new(&[[1f32, 2.0, -1.0], [0.5, 0.25, 3.0]], &Device::Cpu).unwrap();
    let (labels, weights) = (Tensor::new(&[1u32, 0], &Device::Cpu).unwrap(), Tensor::new(&[0.5f32, 2.0, 1.25], &Device::Cpu).unwrap());
    let expected = [
        (0.0, 0.806_467_5, [0.207_597_17, -0.235_692_4, 0.028_095_22, -0.185_674_68, 0.011_156_57, 0.174_518_11]),
        (0.1, 0.896_752_5, [0.193_145_6, -0.203_520_6, 0.010_374_985, -0.170_192_55, -0.013_836_612, 0.184_029_16]),
    ];
    for (smoothing, value, gradient) in expected {
        let loss = weighted_cross_entropy(&logits, &labels, smoothing, Some(&weights)).unwrap();
        assert!((loss.to_scalar::<f32>().unwrap() - value).abs() < 1e-6);
        assert_close(&values(backward(&loss).unwrap().get(&logits).unwrap()), &gradient, 1e-6, "gradient");
    }
    assert!(weighted_cross_entropy(&logits, &labels, 0.0, Some(&labels)).is_err());
}

#[test]
fn frozen_inputs_get_no_gradient() {
    let (x, w, b) = (numbers(&[3, 4], 1), numbers(&[5, 4], 2), numbers(&[5], 3));
    let bias = Var::from_tensor(&b).unwrap();
    let y = linear(&x, &w, &bias).unwrap();
    let gradients = weigh(&y).backward().unwrap();
    assert!(gradients.get(&x).is_none() && gradients.get(&w).is_none() && gradients.get(&bias).is_some());
    assert!(!linear(&x, &w, &b).unwrap().track_op());
    let q = numbers(&[1, 3, 4], 1);
    let mask = Tensor::ones((1, 3), DType::F32, &Device::Cpu).unwrap();
    let heads = Heads { count: 2, dropout: Dropout::NONE };
    assert!(!attention(&q, &q, &q, &mask, heads).unwrap().track_op());
}

#[test]
fn a_variable_used_twice_has_the_sum_of_its_gradients() {
    let v = variables(&[&[3, 4], &[4, 4], &[4]]);
    let f = |t: &[Tensor]| linear(&linear(&t[0], &t[1], &t[2])?, &t[1], &t[2]);
    let reference = |t: &[Tensor]| linear::composed(&linear::composed(&t[0], &t[1], &t[2])?, &t[1], &t[2]);
    check("two uses", &v, f, reference);
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let v = variables(&[&[6, 50, 96], &[96, 96], &[96], &[384, 96], &[384], &[96, 384], &[500, 96]]);
            let ids: Vec<u32> = (0..300).map(|i| i * 7 % 500).collect();
            let x = (v[0].as_tensor() + embedding(&v[6], &Tensor::from_vec(ids, (6, 50), &Device::Cpu)?)?)?;
            let project = |x: &Tensor| linear(x, &v[1], &v[2]);
            let mask = Tensor::ones((6, 50), DType::F32, &Device::Cpu)?;
            let heads = Heads { count: 4, dropout: Dropout { rate: 0.1, key: 1 } };
            let y = attention(&project(&x)?, &project(&x)?, &project(&x)?, &mask, heads)?;
            let y = layer_norm(&dropout_add(&y, &x, Dropout { rate: 0.2, key: 2 })?, &v[2], &v[2], 1e-5)?;
            let y = activation(&linear(&y, &v[3], &v[4])?, Activation::Gelu)?;
            let y = dropout(&linear(&y, &v[5], &v[2])?, Dropout { rate: 0.2, key: 3 })?;
            let gradients = backward(&weigh(&y))?;
            let mut all = values(&y);
            for x in &v {
                all.extend(values(gradients.get(x).unwrap()));
            }
            Ok::<_, candle_core::Error>(all.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        })
        .unwrap()
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}
