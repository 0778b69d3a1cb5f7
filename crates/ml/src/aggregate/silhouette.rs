//! The silhouette of a clustering in two passes: first sums of every cluster, then the mean of the
//! points' coefficients, which follow from those sums without comparing points.
//!
//! Input: features, cluster, weight.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::kmeans::Measure;
use super::{Pass, PassState, doubles, vectors};
use crate::linalg::Row;
use crate::wire::{Reader, Writer, add};

pub const NAME: &str = "ml_silhouette";

/// Sums of one cluster.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    weight: f64,
    /// Sum of squared lengths.
    squares: f64,
    sum: Vec<f64>,
}

/// By cluster number, as bits.
pub type Clusters = BTreeMap<u64, Cluster>;

#[derive(Debug, Clone)]
pub struct Silhouette {
    pub measure: Measure,
    /// None: the first pass.
    pub clusters: Option<Arc<Clusters>>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    let mut r = Reader::new(bytes);
    let measure = if r.bool()? { Measure::Cosine } else { Measure::Euclidean };
    let clusters = if r.bool()? { Some(Arc::new(read(&mut r)?)) } else { None };
    Ok(Arc::new(Silhouette { measure, clusters }))
}

pub fn clusters(bytes: &[u8]) -> SparkResult<Clusters> {
    read(&mut Reader::new(bytes))
}

/// Sum of the weighted coefficients, sum of the weights.
pub fn total(bytes: &[u8]) -> SparkResult<(f64, f64)> {
    let mut r = Reader::new(bytes);
    Ok((r.f64()?, r.f64()?))
}

fn read(r: &mut Reader<'_>) -> SparkResult<Clusters> {
    let n = r.usize()?;
    (0..n).map(|_| Ok((r.u64()?, Cluster { weight: r.f64()?, squares: r.f64()?, sum: r.f64s()? }))).collect()
}

fn write(mut w: Writer, clusters: &Clusters) -> Writer {
    w = w.usize(clusters.len());
    for (key, c) in clusters {
        w = w.u64(*key).f64(c.weight).f64(c.squares).f64s(&c.sum);
    }
    w
}

impl Pass for Silhouette {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        let w = Writer::new().bool(self.measure == Measure::Cosine).bool(self.clusters.is_some());
        match &self.clusters {
            Some(c) => write(w, c).done(),
            None => w.done(),
        }
    }

    fn start(&self) -> Box<dyn PassState> {
        match &self.clusters {
            None => Box::new(Sums { measure: self.measure, clusters: Clusters::new() }),
            Some(c) => Box::new(Scores { measure: self.measure, clusters: c.clone(), total: 0.0, weight: 0.0 }),
        }
    }
}

#[derive(Debug)]
struct Sums {
    measure: Measure,
    clusters: Clusters,
}

impl PassState for Sums {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, numbers, weights) = (vectors(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        for ((row, key), w) in features.iter().zip(numbers.values()).zip(weights.values()) {
            let Some(row) = row else { continue };
            let c = self.clusters.entry(key.to_bits()).or_default();
            if c.sum.len() < row.len() {
                c.sum.resize(row.len(), 0.0);
            }
            let square = row.squared_norm();
            c.weight += w;
            match self.measure {
                Measure::Euclidean => {
                    c.squares += w * square;
                    row.axpy(*w, &mut c.sum);
                }
                Measure::Cosine => row.axpy(w / square.sqrt(), &mut c.sum),
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        for (key, o) in clusters(other)? {
            let c = self.clusters.entry(key).or_default();
            c.weight += o.weight;
            c.squares += o.squares;
            add(&mut c.sum, &o.sum);
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        write(Writer::new(), &self.clusters).done()
    }

    fn size(&self) -> usize {
        64 + self.clusters.values().map(|c| 96 + 8 * c.sum.len()).sum::<usize>()
    }
}

#[derive(Debug)]
struct Scores {
    measure: Measure,
    clusters: Arc<Clusters>,
    total: f64,
    weight: f64,
}

impl Scores {
    /// Mean distance of the point to the points of a cluster.
    fn distance(&self, row: &Row<'_>, square: f64, c: &Cluster) -> f64 {
        match self.measure {
            Measure::Euclidean => square + c.squares / c.weight - 2.0 * row.dot(&c.sum) / c.weight,
            Measure::Cosine => 1.0 - row.dot(&c.sum) / (square.sqrt() * c.weight),
        }
    }
}

impl PassState for Scores {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, numbers, weights) = (vectors(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        for ((row, key), w) in features.iter().zip(numbers.values()).zip(weights.values()) {
            let Some(row) = row else { continue };
            let (own, square) = (key.to_bits(), row.squared_norm());
            let (mut inside, mut outside) = (0.0, f64::INFINITY);
            for (k, c) in self.clusters.iter() {
                let d = self.distance(&row, square, c);
                if *k != own {
                    outside = outside.min(d);
                } else if c.weight != *w {
                    // The point itself does not count.
                    inside = d * c.weight / (c.weight - w);
                }
            }
            let score = if inside < outside {
                1.0 - inside / outside
            } else if inside > outside {
                outside / inside - 1.0
            } else {
                0.0
            };
            self.total += w * score;
            self.weight += w;
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        let (t, w) = total(other)?;
        self.total += t;
        self.weight += w;
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64(self.total).f64(self.weight).done()
    }

    fn size(&self) -> usize {
        128
    }
}
