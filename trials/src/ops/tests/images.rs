//! The operations of image models.

use super::*;

/// Numbers that differ from one another, so that no two of a window are its greatest.
fn distinct(shape: &[usize]) -> Var {
    let len: usize = shape.iter().product();
    let values: Vec<f32> = (0..len).map(|i| (i * 7919 % len) as f32 / len as f32 * 8.0 - 4.0).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Sizes, kernel and stride: odd ones, those of ResNets' and MobileNet's layers, more than one block of windows, and images without an inside.
const WINDOWS: [([usize; 3], usize, Stride); 9] = [
    ([1, 1, 1], 1, Stride { step: 1, padding: 0 }),
    ([2, 5, 7], 1, Stride { step: 1, padding: 0 }),
    ([2, 5, 7], 1, Stride { step: 2, padding: 0 }),
    ([3, 16, 13], 3, Stride { step: 1, padding: 1 }),
    ([3, 16, 13], 3, Stride { step: 2, padding: 1 }),
    ([2, 1, 2], 3, Stride { step: 2, padding: 1 }),
    ([1, 9, 11], 7, Stride { step: 2, padding: 3 }),
    ([2, 6, 5], 2, Stride { step: 3, padding: 0 }),
    ([1, 29, 31], 3, Stride { step: 1, padding: 1 }),
];

#[test]
fn convolution_matches() {
    for ([batch, height, width], kernel, stride) in WINDOWS {
        for (features, out) in [(1, 1), (3, 5), (2, 16), (5, 8), (16, 32)] {
            // Sums of many products differ by more than the tolerance: they are left to the test below.
            if features > 5 && (kernel > 3 || height > 20) {
                continue;
            }
            let v = variables(&[&[batch, height, width, features], &[out, kernel, kernel, features]]);
            let name = format!("convolution of {batch} x {height} x {width} x {features}, {kernel} wide, {stride:?}");
            check(&name, &v, |t| convolution(&t[0], &t[1], stride), |t| convolution::composed(&t[0], &t[1], stride));
        }
    }
}

/// The layout, and that this is a cross-correlation: against candle's own, which is channels first.
#[test]
fn convolution_is_that_of_candle() {
    let v = variables(&[&[2, 8, 6, 3], &[4, 3, 3, 3]]);
    for step in [1, 2] {
        let y = convolution(&v[0], &v[1], Stride { step, padding: 1 }).unwrap();
        let first = |t: &Tensor| t.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let expected = first(&v[0]).conv2d(&first(&v[1]), 1, step, 1, 1).unwrap().permute((0, 2, 3, 1)).unwrap();
        assert_eq!(y.dims(), expected.dims());
        assert_close(&values(&y), &values(&expected), 2e-6, "convolution");
    }
}

/// Kernels too large for partial sums, and some that are not, of more than one band of lines.
#[test]
fn gradients_of_large_kernels_match() {
    for (features, out, kernel, step) in
        [(300, 260, 1, 1), (100, 260, 3, 1), (100, 260, 3, 2), (16, 32, 3, 1), (16, 16, 7, 2), (70, 8, 3, 1)]
    {
        let stride = Stride { step, padding: kernel / 2 };
        let v = variables(&[&[3, 20, 11, features], &[out, kernel, kernel, features]]);
        let y = convolution(&v[0], &v[1], stride).unwrap();
        let gradients = backward(&weigh(&y)).unwrap();
        let expected = weigh(&convolution::composed(&v[0], &v[1], stride).unwrap()).backward().unwrap();
        for x in &v {
            assert_close(&values(gradients.get(x).unwrap()), &values(expected.get(x).unwrap()), 1e-4, "gradient");
        }
    }
}

#[test]
fn depthwise_matches() {
    for ([batch, height, width], kernel, stride) in WINDOWS {
        let v = variables(&[&[batch, height, width, 5], &[kernel, kernel, 5]]);
        let name = format!("depthwise convolution of {batch} x {height} x {width}, {kernel} wide, {stride:?}");
        check(&name, &v, |t| depthwise(&t[0], &t[1], stride), |t| depthwise::composed(&t[0], &t[1], stride));
    }
}

#[test]
fn max_pool_matches() {
    for ([batch, height, width], kernel, stride) in WINDOWS {
        let v = [distinct(&[batch, height, width, 3])];
        let name = format!("max-pool of {batch} x {height} x {width}, {kernel} wide, {stride:?}");
        check(&name, &v, |t| max_pool(&t[0], kernel, stride), |t| pool::composed(&t[0], kernel, stride));
    }
}

#[test]
fn mean_pool_matches() {
    for shape in [[1, 1, 1, 1], [2, 5, 7, 3], [3, 1, 9, 33]] {
        let pixels = (shape[1] * shape[2]) as f64;
        check("mean-pool", &variables(&[&shape]), |t| mean_pool(&t[0]), |t| t[0].sum((1, 2))? / pixels);
    }
}

/// As torch: of equal values the first, which for a ReLU's zeros is not a rare case.
#[test]
fn the_first_of_equal_values_has_the_gradient() {
    let x = Var::zeros((1, 2, 2, 1), DType::F32, &Device::Cpu).unwrap();
    let y = max_pool(&x, 2, Stride { step: 1, padding: 0 }).unwrap();
    assert_eq!(values(backward(&y.sum_all().unwrap()).unwrap().get(&x).unwrap()), [1.0, 0.0, 0.0, 0.0]);
    let x = Tensor::new(&[f32::NAN, 1.0, 2.0, 0.5], &Device::Cpu).unwrap().reshape((1, 2, 2, 1)).unwrap();
    assert!(values(&max_pool(&x, 2, Stride { step: 1, padding: 0 }).unwrap())[0].is_nan());
}

#[test]
fn batch_norm_matches() {
    for shape in [[1, 1, 2, 1], [2, 3, 4, 5], [3, 9, 11, 7], [2, 40, 41, 3]] {
        let channels = shape[3];
        let v = variables(&[&shape, &[channels], &[channels]]);
        let composed = |t: &[Tensor]| Ok(batch_norm::composed(&t[0], &t[1], &t[2], 1e-2)?.0);
        check("batch norm", &v, |t| Ok(batch_norm(&t[0], &t[1], &t[2], 1e-2, Clamp::NONE)?.0), composed);
        let moments = Moments { mean: numbers(&[channels], 7), variance: numbers(&[channels], 8).sqr().unwrap() };
        check(
            "batch norm with given moments",
            &v,
            |t| batch_norm_with(&t[0], &moments, &t[1], &t[2], 1e-2, Clamp::NONE),
            |t| batch_norm::composed_with(&t[0], &moments, &t[1], &t[2], 1e-2),
        );
    }
}

/// Finite differences of clamped forms, where no value is so near a bound that a difference would cross it.
#[test]
fn clamped_forms_have_the_slope_of_what_they_compute() {
    let spread = |shape: &[usize], seed: u64, by: f64| Var::from_tensor(&(numbers(shape, seed) * by).unwrap()).unwrap();
    let apart = |y: &Tensor| values(y).iter().all(|y| y.abs() > 0.12 && (y - 6.0).abs() > 0.12);
    for clamp in [Clamp::RELU, Clamp::RELU6] {
        let shape = [1, 3, 5, 2];
        let seeds = || (1..1000u64).map(|seed| [spread(&shape, seed, 9.0), spread(&shape, seed + 7000, 9.0)]);
        let v = seeds().find(|v| apart(&(v[0].as_tensor() + v[1].as_tensor()).unwrap())).expect("one in a thousand");
        check("clamped sum", &v, |t| add(&t[0], &t[1], clamp), |t| clamp.composed(&(&t[0] + &t[1])?));
        let norm = |t: &[Tensor]| batch_norm::composed(&t[0], &t[1], &t[2], 1e-2).map(|(y, _)| y);
        let tensors = |v: &[Var]| v.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>();
        let seeds = || (1..1000u64).map(|seed| [spread(&shape, seed, 3.0), spread(&[2], seed + 7000, 9.0), spread(&[2], seed + 8000, 4.0)]);
        let v = seeds().find(|v| apart(&norm(&tensors(v)).unwrap())).expect("one in a thousand");
        let fused = |t: &[Tensor]| Ok(batch_norm(&t[0], &t[1], &t[2], 1e-2, clamp)?.0);
        check("clamped batch norm", &v, fused, |t| clamp.composed(&norm(t)?));
    }
}

/// Analytic gradients only: a finite difference across a bound is none.
#[test]
fn clamped_forms_match() {
    for clamp in [Clamp::NONE, Clamp::RELU, Clamp::RELU6] {
        let v = variables(&[&[3, 9, 11, 7], &[7], &[7], &[3, 9, 11, 7]]);
        let wide = |t: &Tensor| (t * 9.0).unwrap();
        let moments = Moments { mean: numbers(&[7], 7), variance: numbers(&[7], 8).sqr().unwrap() };
        let forms: [(Tensor, Tensor); 3] = [
            (
                batch_norm(&v[0], &wide(&v[1]), &v[2], 1e-2, clamp).unwrap().0,
                clamp.composed(&batch_norm::composed(&v[0], &wide(&v[1]), &v[2], 1e-2).unwrap().0).unwrap(),
            ),
            (
                batch_norm_with(&v[0], &moments, &wide(&v[1]), &v[2], 1e-2, clamp).unwrap(),
                clamp.composed(&batch_norm::composed_with(&v[0], &moments, &wide(&v[1]), &v[2], 1e-2).unwrap()).unwrap(),
            ),
            (add(&wide(&v[0]), &wide(&v[3]), clamp).unwrap(), clamp.composed(&(wide(&v[0]) + wide(&v[3])).unwrap()).unwrap()),
        ];
        for (found, expected) in forms {
            assert_close(&values(&found), &values(&expected), 1e-5, "values");
            let (found, expected) = (backward(&weigh(&found)).unwrap(), weigh(&expected).backward().unwrap());
            for x in &v {
                match (found.get(x), expected.get(x)) {
                    (Some(found), Some(expected)) => assert_close(&values(found), &values(expected), 1e-4, "gradient"),
                    (found, expected) => assert_eq!(found.is_some(), expected.is_some()),
                }
            }
        }
    }
    assert!(add(&numbers(&[2, 3], 1), &numbers(&[3, 2], 1), Clamp::NONE).is_err());
}

#[test]
fn moments_are_of_all_pixels_and_exact_far_from_zero() {
    let x = ((numbers(&[4, 50, 50, 3], 1) * 0.5).unwrap() + 1000.0).unwrap();
    let (gain, bias) = (Tensor::ones(3, DType::F32, &Device::Cpu).unwrap(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    let (_, found) = batch_norm(&x, &gain, &bias, 1e-5, Clamp::NONE).unwrap();
    let wide = x.to_dtype(DType::F64).unwrap();
    let mean = wide.mean((0, 1, 2)).unwrap();
    let variance = wide.broadcast_sub(&mean).unwrap().sqr().unwrap().mean((0, 1, 2)).unwrap();
    let narrow = |t: Tensor| values(&t.to_dtype(DType::F32).unwrap());
    assert_close(&values(&found.mean), &narrow(mean), 1e-7, "mean");
    assert_close(&values(&found.variance), &narrow(variance), 1e-5, "variance");
}

/// `torch.nn.BatchNorm2d(1)`: after one batch of [1, 2, 3, 6] the running mean is 0.3 and the running variance 0.9 + 0.1 * 14 / 3.
#[test]
fn running_moments_are_those_of_torch() {
    let x = Tensor::new(&[1f32, 2.0, 3.0, 6.0], &Device::Cpu).unwrap().reshape((1, 2, 2, 1)).unwrap();
    let (one, zero) = (Tensor::ones(1, DType::F32, &Device::Cpu).unwrap(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    let (_, batch) = batch_norm(&x, &one, &zero, 1e-5, Clamp::NONE).unwrap();
    let found = running(&Moments { mean: zero, variance: one }, &batch, 4, 0.1).unwrap();
    assert_close(&values(&found.mean), &[0.3], 1e-6, "mean");
    assert_close(&values(&found.variance), &[0.9 + 0.1 * 14.0 / 3.0], 1e-6, "variance");
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = numbers(&[1, 4, 4, 3], 1);
    let stride = Stride { step: 1, padding: 0 };
    let message = |result: Result<Tensor>| result.unwrap_err().to_string().lines().next().unwrap_or_default().to_owned();
    let wide = message(convolution(&x, &numbers(&[2, 5, 5, 3], 2), stride));
    assert!(wide.contains("windows of 5 x 5") && wide.contains("4 x 4 pixels"), "{wide}");
    assert!(convolution(&x, &numbers(&[2, 3, 3, 4], 2), stride).is_err());
    assert!(convolution(&x, &numbers(&[2, 3, 2, 3], 2), stride).is_err());
    assert!(depthwise(&x, &numbers(&[3, 3, 4], 2), stride).is_err());
    assert!(max_pool(&x, 2, Stride { step: 0, padding: 0 }).is_err());
    assert!(max_pool(&x, 2, Stride { step: 1, padding: 2 }).is_err());
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let v = variables(&[
                &[5, 33, 31, 3],
                &[16, 3, 3, 3],
                &[16],
                &[32, 3, 3, 16],
                &[3, 3, 32],
                &[32],
                &[300, 1, 1, 32],
                &[8, 3, 3, 300],
            ]);
            let (one, two) = (Stride { step: 1, padding: 1 }, Stride { step: 2, padding: 1 });
            let y = convolution(&v[0], &v[1], one)?;
            let y = batch_norm(&y, &v[2], &v[2], 1e-5, Clamp::RELU)?.0;
            let y = add(&y, &y, Clamp::RELU6)?;
            let y = max_pool(&convolution(&y, &v[3], two)?, 3, one)?;
            let y = batch_norm(&depthwise(&y, &v[4], one)?, &v[5], &v[5], 1e-5, Clamp::NONE)?.0;
            let y = convolution(&y, &v[6], Stride { step: 1, padding: 0 })?;
            let y = mean_pool(&convolution(&y, &v[7], two)?)?;
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
