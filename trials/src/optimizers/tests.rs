use candle_core::Device;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Pair {
    early: Vec<f32>,
    late: Vec<f32>,
}

#[derive(Deserialize)]
struct Fixture {
    early: Vec<f32>,
    late: Vec<f32>,
    gradients: Vec<Pair>,
    courses: BTreeMap<String, Vec<Pair>>,
}

/// Made by `fixtures/courses.py`.
fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/courses.json")).unwrap()
}

fn config(name: &str) -> config::Optimizer {
    use config::Optimizer as O;
    let sgd = |momentum, nesterov, l2| O::Sgd { learning_rate: 0.1, momentum, nesterov, l2 };
    let adam = |beta1, beta2, epsilon, l2| O::Adam { learning_rate: 0.01, beta1, beta2, epsilon, l2 };
    let adamw = |beta1, beta2, epsilon, weight_decay| O::AdamW { learning_rate: 0.01, beta1, beta2, epsilon, weight_decay };
    let rms = |alpha, epsilon, momentum, centered, l2| O::RmsProp { learning_rate: 0.01, alpha, epsilon, momentum, centered, l2 };
    match name {
        "sgd" => sgd(0.0, false, 0.0),
        "sgd_l2" => sgd(0.0, false, 0.05),
        "sgd_momentum" => sgd(0.9, false, 0.0),
        "sgd_nesterov" => sgd(0.9, true, 0.0),
        "sgd_momentum_l2" => sgd(0.9, false, 0.05),
        "sgd_nesterov_l2" => sgd(0.9, true, 0.05),
        "adam" => adam(0.9, 0.999, 1e-8, 0.0),
        "adam_beta1" => adam(0.5, 0.999, 1e-8, 0.0),
        "adam_beta2" => adam(0.9, 0.9, 1e-8, 0.0),
        "adam_epsilon" => adam(0.9, 0.999, 0.1, 0.0),
        "adam_only_l2" => adam(0.9, 0.999, 1e-8, 0.1),
        "adam_l2" => adam(0.4, 0.98, 1e-6, 0.1),
        "adamw" => adamw(0.9, 0.999, 1e-8, 0.01),
        "adamw_beta1" => adamw(0.5, 0.999, 1e-8, 0.01),
        "adamw_beta2" => adamw(0.9, 0.9, 1e-8, 0.01),
        "adamw_epsilon" => adamw(0.9, 0.999, 0.1, 0.01),
        "adamw_decay" => adamw(0.9, 0.999, 1e-8, 0.5),
        "adamw_strong" => O::AdamW { learning_rate: 0.05, beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.5 },
        "rmsprop" => rms(0.99, 1e-8, 0.0, false, 0.0),
        "rmsprop_alpha" => rms(0.5, 1e-8, 0.0, false, 0.0),
        "rmsprop_epsilon" => rms(0.99, 0.1, 0.0, false, 0.0),
        "rmsprop_only_momentum" => rms(0.99, 1e-8, 0.9, false, 0.0),
        "rmsprop_only_centered" => rms(0.99, 1e-8, 0.0, true, 0.0),
        "rmsprop_only_l2" => rms(0.99, 1e-8, 0.0, false, 0.1),
        "rmsprop_l2" => rms(0.9, 1e-6, 0.0, false, 0.1),
        "rmsprop_momentum" => rms(0.95, 1e-8, 0.9, false, 0.0),
        "rmsprop_centered" => rms(0.95, 1e-3, 0.0, true, 0.0),
        "rmsprop_all" => rms(0.3, 1e-3, 0.5, true, 0.1),
        other => panic!("no such course: {other}"),
    }
}

fn var(values: &[f32]) -> Var {
    Var::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Within `tolerance` of the largest expected value.
fn assert_near(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |most, e| most.max(e.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * largest, "{name}: {found:?}, expected {expected:?}");
    }
}

fn update(learning_rate: f64) -> Update {
    Update { count: 0, learning_rate, decays: true, gradient_scale: 1.0 }
}

#[test]
fn courses_are_those_of_torch() {
    let fixture = fixture();
    assert_eq!(fixture.courses.len(), 28);
    for (name, expected) in &fixture.courses {
        let config = config(name);
        let mut optimizer = Optimizer::new(&config);
        let (early, late) = (var(&fixture.early), var(&fixture.late));
        let mut expected = expected.iter();
        for (step, gradient) in fixture.gradients.iter().enumerate() {
            let update = update(learning_rate(&config) * (1.0 - step as f64 / 40.0));
            optimizer.step("early", &early, &var(&gradient.early), update).unwrap();
            if step >= 8 {
                optimizer.step("late", &late, &var(&gradient.late), update).unwrap();
            }
            if step % 5 == 4 {
                let expected = expected.next().unwrap();
                assert_near(name, &values(&early), &expected.early, 1e-5);
                assert_near(name, &values(&late), &expected.late, 1e-5);
            }
        }
        assert_eq!(optimizer.updates(), BTreeMap::from([("early".to_owned(), 20), ("late".to_owned(), 12)]));
    }
}

/// So that a course could not pass with an option left out.
#[test]
fn every_option_shows_in_a_course_of_its_own() {
    let fixture = fixture();
    let end = |name: &str| fixture.courses[name].last().unwrap().early.clone();
    for (plain, options) in [
        ("sgd", &["sgd_l2", "sgd_momentum"][..]),
        ("sgd_momentum", &["sgd_nesterov", "sgd_momentum_l2"]),
        ("adam", &["adam_beta1", "adam_beta2", "adam_epsilon", "adam_only_l2"]),
        ("adamw", &["adamw_beta1", "adamw_beta2", "adamw_epsilon", "adamw_decay"]),
        ("rmsprop", &["rmsprop_alpha", "rmsprop_epsilon", "rmsprop_only_momentum", "rmsprop_only_centered", "rmsprop_only_l2"]),
    ] {
        for option in options {
            let apart = end(plain).iter().zip(end(option)).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(apart > 1e-4, "{option} ends {apart} from {plain}");
        }
    }
}

#[test]
fn composed_of_tensor_operations_the_courses_are_the_same() {
    let fixture = fixture();
    for (name, expected) in &fixture.courses {
        let config = config(name);
        let rule = Optimizer::new(&config).rule;
        let mut parameter = var(&fixture.early).as_detached_tensor();
        let mut buffers: Vec<Tensor> = rule.buffers().iter().map(|_| parameter.zeros_like().unwrap()).collect();
        for (step, gradient) in fixture.gradients.iter().enumerate() {
            let update = Update { count: step as u64 + 1, ..update(learning_rate(&config) * (1.0 - step as f64 / 40.0)) };
            parameter = rule.update_tensor(&update, &parameter, var(&gradient.early).as_tensor(), &mut buffers).unwrap();
        }
        assert_near(name, &values(&parameter), &expected[3].early, 1e-5);
    }
}

/// More elements than a chunk has: `0.01 * i`.
fn long() -> (Var, Var) {
    let ramp = |scale: f32| var(&(0..40_000).map(|i| (i % 977) as f32 * scale - 3.0).collect::<Vec<_>>());
    (ramp(0.01), ramp(0.007))
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut optimizer = Optimizer::new(&config("adamw"));
        let (parameter, gradient) = long();
        for _ in 0..3 {
            pool.install(|| optimizer.step("p", &parameter, &gradient, update(0.1)).unwrap());
        }
        values(&parameter)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn scaling_a_gradient_is_training_with_the_scaled_gradient() {
    for name in ["sgd_nesterov_l2", "adam_l2", "adamw", "rmsprop_all"] {
        let run = |gradient: &[f32], scale: f64| {
            let parameter = var(&[1.0, -2.0]);
            let mut optimizer = Optimizer::new(&config(name));
            for _ in 0..3 {
                optimizer.step("p", &parameter, &var(gradient), Update { gradient_scale: scale, ..update(0.1) }).unwrap();
            }
            values(&parameter)
        };
        assert_eq!(run(&[0.5, -0.25], 1.0), run(&[2.0, -1.0], 0.25), "{name}");
        assert_ne!(run(&[0.5, -0.25], 1.0), run(&[0.5, 0.25], 1.0), "{name}");
    }
}

#[test]
fn decay_can_be_left_out_for_a_parameter() {
    for name in ["sgd_l2", "adam_l2", "adamw_strong", "rmsprop_l2"] {
        let run = |decays| {
            let parameter = var(&[4.0]);
            Optimizer::new(&config(name)).step("p", &parameter, &var(&[0.0]), Update { decays, ..update(0.1) }).unwrap();
            values(&parameter)[0]
        };
        assert_eq!(run(false), 4.0, "{name}");
        assert!(run(true) < 4.0, "{name}");
    }
}

#[test]
fn saved_state_continues_bit_for_bit() {
    for name in fixture().courses.keys() {
        let (straight, gradient) = long();
        let mut optimizer = Optimizer::new(&config(name));
        let step = |optimizer: &mut Optimizer, parameter: &Var| optimizer.step("p", parameter, &gradient, update(0.1)).unwrap();
        step(&mut optimizer, &straight);
        let paused = var(&values(&straight));
        let mut continued = Optimizer::new(&config(name));
        let saved: BTreeMap<_, _> = optimizer.save().unwrap().into_iter().map(|s| (s.buffer, s.values.into_owned())).collect();
        continued.restore(&optimizer.updates(), |_, buffer| saved.get(buffer).cloned(), |_| Some(paused.as_tensor())).unwrap();
        for _ in 0..2 {
            step(&mut optimizer, &straight);
            step(&mut continued, &paused);
        }
        assert_eq!(values(&straight), values(&paused), "{name}");
    }
}

#[test]
fn state_of_another_model_is_refused() {
    let parameter = var(&[1.0, 2.0]);
    let updates = BTreeMap::from([("head.weight".to_owned(), 3)]);
    let mut optimizer = Optimizer::new(&config("adamw"));
    let missing = optimizer.restore(&updates, |_, _| None, |_| Some(parameter.as_tensor())).unwrap_err();
    assert_eq!(missing.to_string(), "no `exp_avg` of head.weight");
    let short = optimizer.restore(&updates, |_, _| Some(vec![0.0]), |_| Some(parameter.as_tensor())).unwrap_err();
    assert_eq!(short.to_string(), "`exp_avg` of head.weight has 1 values, the parameter has 2");
    let unknown = optimizer.restore(&updates, |_, _| Some(vec![0.0]), |_| None).unwrap_err();
    assert_eq!(unknown.to_string(), "head.weight is not a trainable parameter of this model");
}
