//! The first centres of k-means: a sample of the rows, or k-means|| (a few rounds of sampling far
//! points, then k-means++ among them). Choices follow Spark's random numbers.

use vonk_common::SparkResult;

use crate::aggregate::kmeans::{Centres, Measure, Nearest};
use crate::aggregate::kmeans_init::{Choose, rows};
use crate::error::illegal_argument;
use crate::frame::Kept;
use crate::host::MlHost;
use crate::params::Params;
use crate::random::{Bits, JavaRandom, XorShift, fraction_for, shuffle};
use crate::wire::Reader;

/// Iterations of k-means among the candidates.
const LOCAL_ITERATIONS: usize = 30;

pub async fn centres(
    host: &dyn MlHost,
    params: &Params,
    kept: &Kept,
    measure: Measure,
    d: usize,
    count: u64,
) -> SparkResult<Vec<f64>> {
    if count == 0 {
        return Err(illegal_argument("requirement failed: No samples available from the data"));
    }
    let k = params.count("k")?;
    let seed = XorShift::new(params.long("seed")?).next_int();
    if params.string("initMode")? == "random" {
        let chosen = sample(host, kept, k, count, seed).await?;
        return Ok(distinct(chosen).concat());
    }
    let mut found = sample(host, kept, 1, count, seed).await?;
    for step in 0..params.long("initSteps")? as i32 {
        let present = Centres::new(measure, d, found.concat());
        let sums = kept.pass(host, &[0, 2], Nearest { centres: present.clone() }).await?;
        let cost = Reader::new(&sums).f64s()?.first().copied().unwrap_or(0.0);
        let choose = Choose::ByCost { centres: present, factor: 2.0 * k as f64 / cost, seed: seed ^ (step << 16) };
        found.extend(rows(&kept.pass_by_partition(host, &[0], choose).await?)?);
    }
    let candidates = distinct(found);
    if candidates.len() <= k {
        return Ok(candidates.concat());
    }
    let all = Centres::new(measure, d, candidates.concat());
    let sums = Reader::new(&kept.pass(host, &[0, 2], Nearest { centres: all }).await?).f64s()?;
    let weights = sums.get(1..=candidates.len()).unwrap_or_default();
    Ok(plus_plus(&candidates, weights, k, d))
}

/// `wanted` rows at random.
async fn sample(host: &dyn MlHost, kept: &Kept, wanted: usize, count: u64, seed: i32) -> SparkResult<Vec<Vec<f64>>> {
    let mut random = JavaRandom::new(i64::from(seed));
    if wanted as u64 >= count {
        let all = Choose::Sample { fraction: 1.0, seed: 0 };
        let mut chosen = rows(&kept.pass_by_partition(host, &[0], all).await?)?;
        shuffle(&mut chosen, &mut random);
        return Ok(chosen);
    }
    let fraction = fraction_for(wanted, count);
    loop {
        let choose = Choose::Sample { fraction, seed: random.next_int() };
        let mut chosen = rows(&kept.pass_by_partition(host, &[0], choose).await?)?;
        if chosen.len() >= wanted {
            shuffle(&mut chosen, &mut random);
            chosen.truncate(wanted);
            return Ok(chosen);
        }
    }
}

fn distinct(points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut seen = std::collections::HashSet::new();
    points.into_iter().filter(|p| seen.insert(p.iter().map(|v| v.to_bits()).collect::<Vec<_>>())).collect()
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// k-means++ with weights, then Lloyd's iterations, all in memory.
fn plus_plus(points: &[Vec<f64>], weights: &[f64], k: usize, d: usize) -> Vec<f64> {
    let mut random = JavaRandom::new(0);
    let pick = |r: f64, scores: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut at) = (0.0, 0usize);
        for score in scores {
            if sum >= r {
                break;
            }
            sum += score;
            at += 1;
        }
        at.saturating_sub(1)
    };
    let point = |i: usize| points.get(i).map(Vec::as_slice).unwrap_or_default();
    let r = random.next_double() * weights.iter().sum::<f64>();
    let mut centres = vec![point(pick(r, &mut weights.iter().copied())).to_vec()];
    let mut costs: Vec<f64> = points.iter().map(|p| square_distance(p, centres.first().unwrap_or(p))).collect();
    while centres.len() < k {
        let scores = || costs.iter().zip(weights).map(|(c, w)| c * w);
        let r = random.next_double() * scores().sum::<f64>();
        let next = point(pick(r, &mut scores())).to_vec();
        costs.iter_mut().zip(points).for_each(|(c, p)| *c = c.min(square_distance(p, &next)));
        centres.push(next);
    }
    let mut closest = vec![usize::MAX; points.len()];
    for _ in 0..LOCAL_ITERATIONS {
        let mut moved = false;
        let mut totals = vec![0.0; k];
        let mut sums = vec![vec![0.0; d]; k];
        for ((p, w), was) in points.iter().zip(weights).zip(&mut closest) {
            let mut best = (0, f64::INFINITY);
            for (i, c) in centres.iter().enumerate() {
                let distance = square_distance(p, c);
                if distance < best.1 {
                    best = (i, distance);
                }
            }
            if let (Some(total), Some(sum)) = (totals.get_mut(best.0), sums.get_mut(best.0)) {
                *total += w;
                crate::linalg::axpy(*w, p, sum);
            }
            moved |= *was != best.0;
            *was = best.0;
        }
        for ((centre, total), sum) in centres.iter_mut().zip(&totals).zip(&sums) {
            *centre = if *total == 0.0 {
                point(random.next_below(points.len() as i32) as usize).to_vec()
            } else {
                sum.iter().map(|s| s / total).collect()
            };
        }
        if !moved {
            break;
        }
    }
    centres.concat()
}
