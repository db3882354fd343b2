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
    for (rows, width, ids) in [(1, 1, vec![0u32]), (11, 5, vec![1, 3, 3, 10, 0, 3]), (7, 33, vec![6]), (40, 3, vec![39; 12])] {
        let v = variables(&[&[rows, width]]);
        for shape in [vec![ids.len()], vec![ids.len(), 1], vec![1, 1, ids.len()]] {
            let ids = Tensor::new(&ids[..], &Device::Cpu).unwrap().reshape(shape).unwrap();
            check("embedding", &v, |t| embedding(&t[0], &ids), |t| embedding::composed(&t[0], &ids));
        }
    }
    let v = variables(&[&[11, 5]]);
    let outside = Tensor::new(&[11u32], &Device::Cpu).unwrap();
    assert!(embedding(&v[0], &outside).unwrap_err().to_string().contains("id 11 is outside a table of 11 rows"));
}

#[derive(serde::Deserialize)]
struct Losses {
    logits: Vec<Vec<f32>>,
    labels: Vec<u32>,
    weights: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    smoothing: f64,
    weighted: bool,
    loss: f32,
    gradient: Vec<f32>,
}

/// Made by `fixtures/losses.py`.
#[test]
fn cross_entropy_with_smoothing_and_weights_is_that_of_torch() {
    let Losses { logits, labels, weights, cases } = serde_json::from_str(include_str!("fixtures/losses.json")).unwrap();
    let logits = Var::new(logits, &Device::Cpu).unwrap();
    let (labels, weights) = (Tensor::new(labels, &Device::Cpu).unwrap(), Tensor::new(weights, &Device::Cpu).unwrap());
    assert_eq!(cases.len(), 6);
    for Case { smoothing, weighted, loss: expected, gradient } in cases {
        let weights = weighted.then_some(&weights);
        let loss = weighted_cross_entropy(&logits, &labels, smoothing, weights).unwrap();
        assert_close(&[loss.to_scalar().unwrap()], &[expected], 1e-6, "loss");
        assert_close(&values(backward(&loss).unwrap().get(&logits).unwrap()), &gradient, 1e-6, "gradient");
        if !weighted {
            assert_eq!(values(&cross_entropy(&logits, &labels, smoothing).unwrap()), values(&loss));
        }
        // As the mean of scalar products with smoothed targets.
        let soft = |t: &[Tensor]| {
            let (rows, classes) = t[0].dims2()?;
            let all: Vec<f32> = labels.to_vec1::<u32>()?.iter().map(|&label| weights.map_or(1.0, |w| values(w)[label as usize])).collect();
            let targets: Vec<f32> = (0..rows * classes)
                .map(|i| {
                    let hit = values(&labels.to_dtype(DType::F32)?)[i / classes] as usize == i % classes;
                    let weight = weights.map_or(1.0, |w| values(w)[i % classes]);
                    let share = smoothing as f32 / classes as f32 + if hit { 1.0 - smoothing as f32 } else { 0.0 };
                    Ok(weight * share)
                })
                .collect::<Result<_>>()?;
            let targets = Tensor::from_vec(targets, (rows, classes), &Device::Cpu)?;
            candle_nn::ops::log_softmax(&t[0], candle_core::D::Minus1)?.mul(&targets)?.sum_all()?
                * (-1.0 / f64::from(all.iter().sum::<f32>()))
        };
        check("cross-entropy", std::slice::from_ref(&logits), |t| weighted_cross_entropy(&t[0], &labels, smoothing, weights), soft);
    }
    let outside = Tensor::new(&[1u32, 3, 5, 0, 0, 0, 0], &Device::Cpu).unwrap();
    assert!(cross_entropy(&logits, &outside, 0.0).is_err());
    assert!(weighted_cross_entropy(&logits, &labels, 0.0, Some(&labels)).is_err());
    assert!(cross_entropy(&logits, &labels, 1.0).is_err());
}

/// Numbers that only the composed forms take, as other devices' tensors are, give the same; each operation with all its options.
#[test]
fn what_is_not_fused_is_composed() {
    let wide = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
    let same = |name: &str, shapes: &[&[usize]], f: &dyn Fn(&[Tensor]) -> Result<Tensor>| {
        let narrow = variables(shapes);
        let wider: Vec<Var> = narrow.iter().map(|v| Var::from_tensor(&wide(v)).unwrap()).collect();
        let tensors = |v: &[Var]| v.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>();
        let (y, expected) = (f(&tensors(&narrow)).unwrap(), f(&tensors(&wider)).unwrap());
        assert_eq!((expected.dtype(), y.dtype()), (DType::F64, DType::F32), "{name}");
        let slim = |t: &Tensor| values(&t.to_dtype(DType::F32).unwrap());
        assert_close(&values(&y), &slim(&expected), 1e-5, name);
        let gradients = backward(&weigh(&y)).unwrap();
        let weights = wide(&numbers(expected.dims(), 99)).reshape(expected.shape()).unwrap();
        let expected = backward(&expected.mul(&weights).unwrap().sum_all().unwrap()).unwrap();
        for (narrow, wider) in narrow.iter().zip(&wider) {
            assert_close(&values(gradients.get(narrow).unwrap()), &slim(expected.get(wider).unwrap()), 1e-5, name);
        }
    };
    let drop = Dropout { rate: 0.3, key: 5 };
    same("linear", &[&[7, 5], &[3, 5], &[3]], &|t| linear(&t[0], &t[1], &t[2]));
    same("layer norm", &[&[5, 7], &[7], &[7]], &|t| layer_norm(&t[0], &t[1], &t[2], 1e-2));
    for kind in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        same("activation", &[&[9, 5]], &|t| activation(&t[0], kind));
    }
    same("dropout", &[&[9, 5]], &|t| dropout(&t[0], drop));
    same("dropout and sum", &[&[9, 5], &[9, 5]], &|t| dropout_add(&t[0], &t[1], drop));
    let mask = Tensor::new(&[[1f32, 1.0, 0.0], [1.0, 1.0, 1.0]], &Device::Cpu).unwrap();
    let heads = Heads { count: 2, dropout: drop };
    same("attention", &[&[2, 3, 6], &[2, 3, 6], &[2, 3, 6]], &|t| attention(&t[0], &t[1], &t[2], &mask, heads));
    let ids = Tensor::new(&[[1u32, 3, 3], [10, 0, 3]], &Device::Cpu).unwrap();
    same("embedding", &[&[11, 5]], &|t| embedding(&t[0], &ids));
    let stride = Stride { step: 2, padding: 1 };
    same("convolution", &[&[2, 5, 6, 3], &[4, 3, 3, 3]], &|t| convolution(&t[0], &t[1], stride));
    same("depthwise convolution", &[&[2, 5, 6, 3], &[3, 3, 3]], &|t| depthwise(&t[0], &t[1], stride));
    same("max-pool", &[&[2, 5, 6, 3]], &|t| max_pool(&t[0], 3, stride));
    same("mean-pool", &[&[2, 5, 6, 3]], &|t| mean_pool(&t[0]));
    for clamp in [Clamp::NONE, Clamp::RELU, Clamp::RELU6] {
        same("sum", &[&[2, 5], &[2, 5]], &|t| add(&t[0], &t[1], clamp));
        same("batch norm", &[&[2, 5, 6, 3], &[3], &[3]], &|t| Ok(batch_norm(&t[0], &t[1], &t[2], 1e-2, clamp)?.0));
    }
    let logits = Tensor::new(&[1u32, 0, 2], &Device::Cpu).unwrap();
    same("cross-entropy", &[&[3, 4]], &|t| cross_entropy(&t[0], &logits, 0.1)?.reshape(1));
}

#[test]
fn inputs_need_not_be_contiguous() {
    let v = variables(&[&[5, 7], &[5, 3], &[3]]);
    check(
        "linear of transposed inputs",
        &v,
        |t| linear(&t[0].t()?, &t[1].t()?, &t[2]),
        |t| linear::composed(&t[0].t()?.contiguous()?, &t[1].t()?.contiguous()?, &t[2]),
    );
    let v = variables(&[&[5, 7], &[5], &[5]]);
    let reference = |t: &[Tensor]| layer_norm::composed(&t[0].t()?.contiguous()?, &t[1], &t[2], 1e-2);
    check("layer norm of a transposed input", &v, |t| layer_norm(&t[0].t()?, &t[1], &t[2], 1e-2), reference);
    let v = variables(&[&[5, 7]]);
    check("GELU of a part", &v, |t| activation(&t[0].narrow(1, 2, 3)?, Activation::Gelu), |t| t[0].narrow(1, 2, 3)?.gelu_erf());
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

/// Candle's operations below, between and above those recorded; an output used twice, one not at all, and a variable used by both kinds.
#[test]
fn recorded_gradients_are_those_of_candles_graph() {
    let v = variables(&[&[4, 6], &[6, 6], &[6]]);
    let f = || -> Result<Tensor> {
        let x = linear(&(v[0].as_tensor() * 2.0)?, &v[1], &v[2])?;
        let _unused = activation(&x, Activation::Gelu)?;
        let y = layer_norm(&x.tanh()?, &v[2], &v[2], 1e-2)?;
        let z = add(&x, &activation(&(&y + &v[0].as_tensor().sqr()?)?, Activation::Gelu)?, Clamp::NONE)?;
        Ok(weigh(&linear(&z, &v[1], &v[2])?.narrow(1, 1, 4)?.contiguous()?))
    };
    let loss = f().unwrap();
    let expected = backward(&loss).unwrap();
    let recording = record();
    let recorded = f().unwrap();
    assert_eq!(values(&recorded), values(&loss));
    let found = backward(&recorded).unwrap();
    for (i, v) in v.iter().enumerate() {
        assert_close(&values(found.get(v).unwrap()), &values(expected.get(v).unwrap()), 1e-6, &format!("gradient of input {i}"));
    }
    // Another recording leaves this one as it was.
    let again = f().unwrap();
    {
        let _other = record();
        backward(&weigh(&linear(&v[0], &v[1], &v[2]).unwrap())).unwrap();
    }
    assert_eq!(values(backward(&again).unwrap().get(&v[1]).unwrap()), values(found.get(&v[1]).unwrap()));
    drop(recording);
    assert!(!linear(&v[0], &v[1], &v[2]).unwrap().is_variable());
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
