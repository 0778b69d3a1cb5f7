//! Which order of joins has the fewest rows on the way: from estimates of the inputs alone.
//!
//! The pair of inputs that gives the fewest rows is joined first, then the next, each result being an
//! input from then on. That is not always the best order, but it finds the filters that cut a large
//! table down, and it never multiplies what is not connected while something connected is left.

use super::{Column, Edge, keys};

/// An input, as far as it is known.
#[derive(Debug, Clone)]
pub struct Input {
    pub rows: f64,
    /// Distinct values of each column.
    pub distinct: Vec<f64>,
}

/// An order of joins over the inputs.
#[derive(Debug, Clone)]
pub enum Tree {
    Input(usize),
    Join(Box<Tree>, Box<Tree>),
}

/// What is being joined: inputs, equalities between their columns, and conditions with the inputs that
/// they are about.
#[derive(Debug)]
pub struct Problem<'a> {
    pub inputs: &'a [Input],
    pub edges: &'a [Edge],
    pub conditions: &'a [Vec<usize>],
}

/// Inputs joined together.
#[derive(Debug, Clone)]
struct Set {
    tree: Tree,
    members: Vec<usize>,
    rows: f64,
    /// All rows that were made on the way.
    cost: f64,
}

/// The share of rows that pass a condition of which nothing is known.
const PASSES: f64 = 0.3;

impl Problem<'_> {
    /// The rows of all joins of a tree together.
    pub fn cost(&self, tree: &Tree) -> f64 {
        self.set(tree).cost
    }

    fn set(&self, tree: &Tree) -> Set {
        match tree {
            Tree::Input(i) => {
                let rows = self.inputs.get(*i).map_or(1.0, |input| input.rows);
                Set { tree: tree.clone(), members: vec![*i], rows, cost: 0.0 }
            }
            Tree::Join(left, right) => self.joined(self.set(left), self.set(right)),
        }
    }

    /// The order that is found, and its cost.
    pub fn solve(&self) -> Option<(Tree, f64)> {
        let mut sets: Vec<Set> = (0..self.inputs.len()).map(|i| self.set(&Tree::Input(i))).collect();
        while sets.len() > 1 {
            let mut best: Option<(bool, f64, f64, usize, usize)> = None;
            for (i, left) in sets.iter().enumerate() {
                for (j, right) in sets.iter().enumerate().skip(i + 1) {
                    let apart = !self.connected(left, right);
                    let rows = self.rows(left, right);
                    let read = left.rows + right.rows;
                    let better = best.is_none_or(|(a, r, s, ..)| (apart, rows, read) < (a, r, s));
                    if better {
                        best = Some((apart, rows, read, i, j));
                    }
                }
            }
            let (.., i, j) = best?;
            let right = sets.swap_remove(j);
            let left = sets.swap_remove(i);
            sets.push(self.joined(left, right));
        }
        sets.pop().map(|set| (set.tree, set.cost))
    }

    fn connected(&self, left: &Set, right: &Set) -> bool {
        !keys(self.edges, &left.members, &right.members).is_empty()
    }

    fn joined(&self, left: Set, right: Set) -> Set {
        let rows = self.rows(&left, &right);
        let cost = left.cost + right.cost + rows;
        let mut members = left.members;
        members.extend(right.members);
        Set { tree: Tree::Join(Box::new(left.tree), Box::new(right.tree)), members, rows, cost }
    }

    /// Of the pairs of rows, those are left whose keys are equal, as if the values of one side were among
    /// those of the other. Of several keys, each counts less than the one before.
    fn rows(&self, left: &Set, right: &Set) -> f64 {
        let mut shares: Vec<f64> = keys(self.edges, &left.members, &right.members)
            .into_iter()
            .map(|(l, r)| 1.0 / self.distinct(l, left).max(self.distinct(r, right)))
            .collect();
        shares.sort_by(f64::total_cmp);
        let mut rows = left.rows * right.rows;
        let mut weight = 1.0;
        for share in shares {
            rows *= share.powf(weight);
            weight /= 2.0;
        }
        let inside = |all: &[usize], set: &Set| all.iter().all(|i| set.members.contains(i));
        let inside_both = |all: &[usize]| all.iter().all(|i| left.members.contains(i) || right.members.contains(i));
        let fresh = self.conditions.iter().filter(|c| inside_both(c) && !inside(c, left) && !inside(c, right));
        (rows * PASSES.powi(i32::try_from(fresh.count()).unwrap_or(8))).max(1.0)
    }

    fn distinct(&self, column: Column, set: &Set) -> f64 {
        let known = self.inputs.get(column.input).and_then(|i| i.distinct.get(column.at)).copied();
        known.unwrap_or(f64::MAX).min(set.rows).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(rows: f64, distinct: &[f64]) -> Input {
        Input { rows, distinct: distinct.to_vec() }
    }

    fn edge(left: (usize, usize), right: (usize, usize)) -> Edge {
        let column = |(input, at)| Column { input, at };
        Edge { left: column(left), right: column(right), group: None }
    }

    fn first(tree: &Tree) -> Vec<usize> {
        match tree {
            Tree::Join(l, r) => match (l.as_ref(), r.as_ref()) {
                (Tree::Input(a), Tree::Input(b)) => vec![*a, *b],
                (Tree::Join(..), _) => first(l),
                _ => first(r),
            },
            Tree::Input(i) => vec![*i],
        }
    }

    /// Sales of two years, days cut down to a month, and items that are all there.
    #[test]
    fn filters_come_first() {
        let inputs = [input(1e6, &[700.0, 1e4]), input(1e4, &[1e4]), input(30.0, &[30.0])];
        let edges = [edge((0, 1), (1, 0)), edge((0, 0), (2, 0))];
        let problem = Problem { inputs: &inputs, edges: &edges, conditions: &[] };
        let (tree, cost) = problem.solve().unwrap();
        let mut pair = first(&tree);
        pair.sort();
        assert_eq!(pair, [0, 2]);
        let text = Tree::Join(
            Box::new(Tree::Join(Box::new(Tree::Input(0)), Box::new(Tree::Input(1)))),
            Box::new(Tree::Input(2)),
        );
        assert!(cost * 5.0 < problem.cost(&text));
    }

    #[test]
    fn products_come_last() {
        let inputs = [input(10.0, &[10.0]), input(10.0, &[10.0]), input(1e5, &[10.0, 10.0])];
        let edges = [edge((0, 0), (2, 0)), edge((1, 0), (2, 1))];
        let problem = Problem { inputs: &inputs, edges: &edges, conditions: &[] };
        let mut pair = first(&problem.solve().unwrap().0);
        pair.sort();
        assert!(pair.contains(&2), "{pair:?}");
    }
}
