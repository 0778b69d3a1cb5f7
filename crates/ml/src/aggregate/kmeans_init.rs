//! Random rows of the data: a sample of all, or candidates for centres by their cost (k-means||).
//!
//! Input: features, number of the partition. Each partition has a random sequence of its own, as in
//! Spark. The result is the chosen rows in the order of partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::kmeans::Centres;
use super::{Pass, PassState, doubles, vectors};
use crate::random::{Bernoulli, Bits, JavaRandom, XorShift};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_choose";

#[derive(Debug, Clone)]
pub enum Choose {
    /// Each row with the same probability.
    Sample { fraction: f64, seed: i32 },
    /// Each row with probability `factor` times its cost.
    ByCost { centres: Centres, factor: f64, seed: i32 },
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    let mut r = Reader::new(bytes);
    let (by_cost, factor, seed) = (r.bool()?, r.f64()?, r.u64()? as i32);
    Ok(Arc::new(if by_cost {
        Choose::ByCost { centres: Centres::read(&mut r)?, factor, seed }
    } else {
        Choose::Sample { fraction: factor, seed }
    }))
}

impl Pass for Choose {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        let w = Writer::new();
        match self {
            Choose::Sample { fraction, seed } => w.bool(false).f64(*fraction).u64(*seed as u64).done(),
            Choose::ByCost { centres, factor, seed } => {
                centres.write(w.bool(true).f64(*factor).u64(*seed as u64)).done()
            }
        }
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State { choose: self.clone(), dice: BTreeMap::new(), rows: BTreeMap::new(), bytes: 0 })
    }
}

/// The chosen rows.
pub fn rows(bytes: &[u8]) -> SparkResult<Vec<Vec<f64>>> {
    Ok(partitions(bytes)?.into_values().flatten().collect())
}

fn partitions(bytes: &[u8]) -> SparkResult<BTreeMap<i64, Vec<Vec<f64>>>> {
    let mut r = Reader::new(bytes);
    let n = r.usize()?;
    let mut out = BTreeMap::new();
    for _ in 0..n {
        let partition = r.u64()? as i64;
        let count = r.usize()?;
        out.insert(partition, (0..count).map(|_| r.f64s()).collect::<SparkResult<_>>()?);
    }
    Ok(out)
}

#[derive(Debug)]
enum Dice {
    Sample(Bernoulli),
    Cost(XorShift),
}

#[derive(Debug)]
struct State {
    choose: Choose,
    dice: BTreeMap<i64, Dice>,
    rows: BTreeMap<i64, Vec<Vec<f64>>>,
    bytes: usize,
}

impl Choose {
    fn dice(&self, partition: i64) -> Dice {
        match self {
            Choose::Sample { fraction, seed } => {
                let mut seeds = JavaRandom::new(i64::from(*seed));
                let mut own = 0;
                for _ in 0..=partition.clamp(0, 1 << 20) {
                    own = seeds.next_long();
                }
                Dice::Sample(Bernoulli::new(*fraction, own))
            }
            Choose::ByCost { seed, .. } => Dice::Cost(XorShift::new(i64::from(*seed ^ partition as i32))),
        }
    }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, parts) = (vectors(columns, 0)?, doubles(columns, 1)?);
        for (row, part) in features.iter().zip(parts.values()) {
            let (Some(row), part) = (row, *part as i64) else { continue };
            let dice = self.dice.entry(part).or_insert_with(|| self.choose.dice(part));
            let chosen = match (dice, &self.choose) {
                (Dice::Sample(sampler), _) => sampler.keep(),
                (Dice::Cost(random), Choose::ByCost { centres, factor, .. }) => {
                    random.next_double() < centres.nearest(&row).1 * factor
                }
                _ => false,
            };
            if chosen {
                let mut out = vec![0.0; row.len()];
                row.write_to(&mut out);
                self.bytes += 8 * out.len() + 24;
                self.rows.entry(part).or_default().push(out);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        self.bytes += other.len();
        for (partition, rows) in partitions(other)? {
            self.rows.entry(partition).or_default().extend(rows);
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new().usize(self.rows.len());
        for (partition, rows) in &self.rows {
            w = w.u64(*partition as u64).usize(rows.len());
            for row in rows {
                w = w.f64s(row);
            }
        }
        w.done()
    }

    fn size(&self) -> usize {
        128 + self.bytes
    }
}
