//! Draws near configs that are said to be good, as long as they are.

use rand::{RngExt, rngs::ChaCha8Rng};
use rand_distr::{Distribution, StandardNormal};
use search_spaces::{
    domain::{Assignment, Domain, Parameter, Value},
    draw::draw_by,
};

use crate::{
    samplers::{
        Sampler,
        observations::{Observations, latest_and_best},
    },
    state::{Seen, View},
};

/// The chance of keeping each of a recipe's values.
const KEPT: f64 = 0.5;
/// How far kept numbers stray: a standard deviation, as a share of the range.
const STRAY: f64 = 0.1;
/// The share of proposals near recipes before results tell.
const AT_FIRST: f64 = 1.0 / 3.0;
/// Trials with a value before results tell.
const TELLING: usize = 9;
/// Of the trials so far the best one in so many says where to draw.
const BEST: usize = 3;
/// Draws near a recipe before it is left to the model.
const TRIES: usize = 20;

/// Mixes draws near the file's recipes and the user's enqueued configs into another sampler's proposals, in the manner of PriorBand (Mallik et al. 2023).
///
/// A draw near a recipe keeps each of its values with some noise, or draws it anew, at even chances. A third of the first proposals are such draws, as long
/// as the best recipe is ahead of the other trials, and fewer the more of them are ahead of it. Once
/// there are results, the best third of the trials says how many: by how likely they are under draws near the recipes, beside draws from the whole
/// space and draws near the best trial. Recipes that are bad are soon left alone, and good ones the more is known. The
/// default recipe is none of them: it is there to be compared with.
pub struct WithRecipes {
    pub model: Box<dyn Sampler>,
}

impl std::fmt::Debug for WithRecipes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WithRecipes").finish_non_exhaustive()
    }
}

impl Sampler for WithRecipes {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        let recipes: Vec<Seen<'_>> = view.recipes().collect();
        if !recipes.is_empty() && rng.random_bool(share(parameters, &recipes, &latest_and_best(view))) {
            let mut near = |_| draw_near(parameters, recipes[rng.random_range(0..recipes.len())].assignment, rng);
            let drawn = (0..TRIES).map(&mut near).find(|drawn| !view.is_taken(drawn));
            if drawn.is_some() {
                return drawn;
            }
        }
        self.model.propose(parameters, view, rng)
    }
}

/// The share of proposals to draw near the recipes.
fn share(parameters: &[Parameter], recipes: &[Seen<'_>], observations: &Observations<'_>) -> f64 {
    let known = &observations.ranked;
    if known.len() < TELLING {
        // What is known then is how the recipes themselves do.
        let best = known.iter().position(|trial| trial.is_recipe);
        let running = || recipes.iter().any(|recipe| recipe.values.is_empty());
        return match best {
            Some(place) => AT_FIRST * (known.len() - place) as f64 / known.len() as f64,
            None if running() => AT_FIRST,
            None => 0.0,
        };
    }
    let (first, others) = (&known[0], &known[1..known.len() / BEST]);
    let (mut near, mut elsewhere) = (0.0, 0.0);
    for (place, trial) in others.iter().enumerate() {
        let weight = (others.len() - place) as f64;
        let of = recipes.iter().map(|recipe| likelier(parameters, recipe.assignment, trial.assignment)).sum::<f64>();
        near += weight * of / recipes.len() as f64;
        elsewhere += weight * (1.0 + likelier(parameters, first.assignment, trial.assignment));
    }
    // The more is known, the less the model needs to be told.
    TELLING as f64 / known.len() as f64 * near / (near + elsewhere)
}

/// By how much a draw near `recipe` is likelier to be `at` than one from the whole space.
fn likelier(parameters: &[Parameter], recipe: &Assignment, at: &Assignment) -> f64 {
    let one = |parameter: &Parameter| {
        let (Some(kept), Some(value)) = (recipe.0.get(&parameter.path), at.0.get(&parameter.path)) else { return 1.0 };
        let density = match &parameter.domain {
            Domain::Choice { weights, .. } => match (kept == value, value) {
                (true, Value::Option(option)) => weights[*option].recip(),
                _ => 0.0,
            },
            domain => {
                let apart = (domain.to_unit(*value) - domain.to_unit(*kept)) / STRAY;
                (-0.5 * apart * apart).exp() / (STRAY * std::f64::consts::TAU.sqrt())
            }
        };
        1.0 - KEPT + KEPT * density
    };
    parameters.iter().map(one).product()
}

fn draw_near(parameters: &[Parameter], recipe: &Assignment, rng: &mut ChaCha8Rng) -> Assignment {
    draw_by(parameters, |index| {
        let Parameter { path, domain, .. } = &parameters[index];
        let Some(kept) = recipe.0.get(path).filter(|_| rng.random_bool(KEPT)) else { return rng.random() };
        let unit = domain.to_unit(*kept);
        if let Domain::Choice { .. } = domain {
            return unit;
        }
        let noise: f64 = StandardNormal.sample(rng);
        // Reflected at the ends of the range.
        let strayed = (unit + STRAY * noise).rem_euclid(2.0);
        if strayed > 1.0 { 2.0 - strayed } else { strayed }
    })
}

#[cfg(test)]
mod tests {
    use search_spaces::draw::{draw, validate};

    use super::*;
    use crate::{
        samplers::fixtures::{all, reach, start, study},
        state::TrialKind,
        streams::{Purpose, stream},
    };

    fn parameters() -> Vec<Parameter> {
        let free = |path: &str, domain| Parameter { path: path.to_owned(), domain, condition: None };
        vec![
            free("x", Domain::Uniform { low: -1.0, high: 1.0 }),
            free("y", Domain::LogUniform { low: 1e-5, high: 1e-1 }),
            free("z", Domain::Choice { labels: vec!["a".to_owned(), "b".to_owned()], weights: vec![0.75, 0.25] }),
        ]
    }

    fn at(x: f64, y: f64, z: usize) -> Assignment {
        let values = [("x", Value::Float(x)), ("y", Value::Float(y)), ("z", Value::Option(z))];
        Assignment(values.into_iter().map(|(path, value)| (path.to_owned(), value)).collect())
    }

    #[test]
    fn draws_keep_half_of_a_recipe_and_stray_a_little() {
        let (parameters, recipe) = (parameters(), at(0.2, 1e-3, 1));
        let draws: Vec<Assignment> =
            (0..2000).map(|number| draw_near(&parameters, &recipe, &mut stream(3, number, Purpose::Sampler))).collect();
        let share = |which: &dyn Fn(&Assignment) -> bool| draws.iter().filter(|draw| which(draw)).count() as f64 / 2000.0;
        assert!(draws.iter().all(|draw| validate(&parameters, draw).is_ok()));
        // Half kept, and one in four of the others has it anyway.
        let same = share(&|draw| draw.0["z"] == Value::Option(1));
        assert!((same - 0.625).abs() < 0.03, "{same}");
        // Within a standard deviation, 0.2 of the range of 2: two thirds of the kept ones, and a fifth of the others.
        let near = share(&|draw| matches!(draw.0["x"], Value::Float(x) if (x - 0.2).abs() < 0.2));
        assert!((near - (0.5 * 0.683 + 0.5 * 0.2)).abs() < 0.03, "{near}");
    }

    #[test]
    fn the_ratio_of_densities_has_a_mean_of_one_over_the_space() {
        let (parameters, recipe) = (parameters(), at(0.2, 1e-3, 1));
        let mean = (0..4000)
            .map(|number| likelier(&parameters, &recipe, &draw(&parameters, &mut stream(3, number, Purpose::Sampler))))
            .sum::<f64>()
            / 4000.0;
        assert!((mean - 1.0).abs() < 0.08, "{mean}");
    }

    #[test]
    fn the_best_trials_say_how_much_is_drawn_near_the_recipes() {
        let parameters = parameters();
        let of = |recipe: Assignment, count: u32| {
            let mut state = study(99, 3, 1);
            start(&mut state, TrialKind::Recipe, Some(at(0.9, 1e-2, 0)));
            start(&mut state, TrialKind::Recipe, Some(recipe));
            reach(&mut state, 1, 1.0);
            for number in 2..count {
                let drawn = draw(&parameters, &mut stream(3, number, Purpose::Sampler));
                let Value::Float(x) = drawn.0["x"] else { panic!("{drawn:?}") };
                start(&mut state, TrialKind::Search, Some(drawn));
                // Good on the left.
                reach(&mut state, number as usize, x);
            }
            let recipes: Vec<Seen<'_>> = all(&state).trials().filter(|trial| trial.is_recipe).collect();
            assert_eq!(recipes.len(), 1, "the default is none");
            share(&parameters, &recipes, &latest_and_best(all(&state)))
        };
        let (good, bad) = (at(-0.8, 1e-3, 0), at(0.8, 1e-3, 0));
        assert_eq!((of(good.clone(), 2), of(good.clone(), 1)), (AT_FIRST, AT_FIRST));
        // Its value is the worst there is.
        assert_eq!(of(good.clone(), 5), AT_FIRST / 4.0);
        let (good, bad) = (of(good, 60), of(bad, 60));
        assert!(good > 0.05 && bad < 0.5 * good, "{good} and {bad}");
    }
}
