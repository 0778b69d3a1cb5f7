//! Joins and set operations.

use proto::relation::RelType;
use spark_connect_proto as proto;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::*;

use crate::convert::{Converter, bad_enum};

impl Converter {
    pub(super) fn on(&self, condition: Option<proto::Expression>) -> SparkResult<JoinCondition> {
        condition.map_or(Ok(JoinCondition::None), |c| Ok(JoinCondition::On(self.expr(c)?)))
    }

    pub(super) fn condition(&self, on: Option<proto::Expression>, using: Vec<String>) -> SparkResult<JoinCondition> {
        match (on, using.is_empty()) {
            (Some(_), false) => {
                Err(SparkError::new("CONNECT_INVALID_PLAN.USING_COLUMNS_OR_JOIN_CONDITION_SET_IN_JOIN"))
            }
            (None, false) => Ok(JoinCondition::Using(using)),
            (on, true) => self.on(on),
        }
    }

    pub(super) fn join(&self, j: proto::Join) -> SparkResult<RelationKind> {
        if j.join_data_type.is_some() {
            return Ok(RelationKind::Unsupported("joinWith".into()));
        }
        let condition = self.condition(j.join_condition, j.using_columns)?;
        let (left, right) = (self.input(j.left)?, self.input(j.right)?);
        Ok(RelationKind::Join(Box::new(Join { left, right, kind: join_kind(j.join_type)?, condition, lateral: false })))
    }

    pub(super) fn as_of_join(&self, j: proto::AsOfJoin) -> SparkResult<RelationKind> {
        Ok(RelationKind::AsOfJoin(Box::new(AsOfJoin {
            left: self.input(j.left)?,
            right: self.input(j.right)?,
            left_as_of: self.expr_required(j.left_as_of)?,
            right_as_of: self.expr_required(j.right_as_of)?,
            condition: self.condition(j.join_expr, j.using_columns)?,
            kind: join_kind_by_name(&j.join_type)?,
            tolerance: j.tolerance.map(|t| self.expr(t)).transpose()?,
            allow_exact_matches: j.allow_exact_matches,
            direction: j.direction,
        })))
    }

    /// A set operation; the left spine of a chain of unions becomes one node.
    pub(super) fn set_operation(&self, s: proto::SetOperation) -> SparkResult<RelationKind> {
        use proto::set_operation::SetOpType;
        let (all, by_name) = (s.is_all.unwrap_or(false), s.by_name.unwrap_or(false));
        let missing = s.allow_missing_columns.unwrap_or(false);
        let refuse = |class: &str| Err(SparkError::new(format!("CONNECT_INVALID_PLAN.{class}")));
        let kind = match SetOpType::try_from(s.set_op_type) {
            Ok(SetOpType::Union) if missing && !by_name => {
                return refuse("UNION_BY_NAME_ALLOW_MISSING_COL_REQUIRES_BY_NAME");
            }
            Ok(SetOpType::Union) => SetKind::Union,
            Ok(SetOpType::Intersect) if by_name => return refuse("INTERSECT_DOES_NOT_SUPPORT_UNION_BY_NAME"),
            Ok(SetOpType::Intersect) => SetKind::Intersect,
            Ok(SetOpType::Except) if by_name => return refuse("EXCEPT_DOES_NOT_SUPPORT_UNION_BY_NAME"),
            Ok(SetOpType::Except) => SetKind::Except,
            _ => return Err(bad_enum("SetOperation.SetOpType", "set_op_type", s.set_op_type)),
        };
        let (Some(left), Some(right)) = (s.left_input, s.right_input) else {
            return refuse("SET_OPERATION_MUST_HAVE_TWO_INPUTS");
        };
        let mut rights = vec![*right];
        let mut left = *left;
        if kind == SetKind::Union && all {
            while let Some(RelType::SetOp(inner)) = &mut left.rel_type {
                let alike = inner.set_op_type == s.set_op_type
                    && inner.is_all == s.is_all
                    && inner.by_name.unwrap_or(false) == by_name
                    && inner.allow_missing_columns.unwrap_or(false) == missing;
                if !alike {
                    break;
                }
                let (Some(l), Some(r)) = (inner.left_input.take(), inner.right_input.take()) else {
                    return refuse("SET_OPERATION_MUST_HAVE_TWO_INPUTS");
                };
                rights.push(*r);
                left = *l;
            }
        }
        let inputs = std::iter::once(left).chain(rights.into_iter().rev()).map(|r| self.relation(r));
        Ok(RelationKind::SetOperation(SetOperation {
            kind,
            inputs: inputs.collect::<SparkResult<_>>()?,
            all,
            by_name,
            allow_missing_columns: missing,
        }))
    }
}

pub(super) fn join_kind(number: i32) -> SparkResult<JoinKind> {
    use proto::join::JoinType;
    Ok(match JoinType::try_from(number) {
        Ok(JoinType::Inner) => JoinKind::Inner,
        Ok(JoinType::LeftOuter) => JoinKind::Left,
        Ok(JoinType::RightOuter) => JoinKind::Right,
        Ok(JoinType::FullOuter) => JoinKind::Full,
        Ok(JoinType::LeftSemi) => JoinKind::LeftSemi,
        Ok(JoinType::LeftAnti) => JoinKind::LeftAnti,
        Ok(JoinType::Cross) => JoinKind::Cross,
        _ => return Err(bad_enum("Join.JoinType", "join_type", number)),
    })
}

/// Join types by the names that Spark's API accepts.
pub(super) fn join_kind_by_name(name: &str) -> SparkResult<JoinKind> {
    Ok(match name.to_lowercase().replace('_', "").as_str() {
        "inner" => JoinKind::Inner,
        "outer" | "full" | "fullouter" => JoinKind::Full,
        "leftouter" | "left" => JoinKind::Left,
        "rightouter" | "right" => JoinKind::Right,
        "leftsemi" | "semi" => JoinKind::LeftSemi,
        "leftanti" | "anti" => JoinKind::LeftAnti,
        "cross" => JoinKind::Cross,
        _ => {
            return Err(SparkError::new("UNSUPPORTED_JOIN_TYPE").param("typ", name).param(
                "supported",
                "'inner', 'outer', 'full', 'fullouter', 'full_outer', 'leftouter', 'left', 'left_outer', \
                 'rightouter', 'right', 'right_outer', 'leftsemi', 'left_semi', 'semi', 'leftanti', 'left_anti', \
                 'anti', 'cross'",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_converter;

    fn range(end: i64) -> proto::Relation {
        let range = proto::Range { end, step: 1, ..Default::default() };
        proto::Relation { common: None, rel_type: Some(RelType::Range(range)) }
    }

    fn union(left: proto::Relation, right: proto::Relation, by_name: bool) -> proto::Relation {
        let mut s = proto::SetOperation {
            left_input: Some(Box::new(left)),
            right_input: Some(Box::new(right)),
            is_all: Some(true),
            by_name: Some(by_name),
            ..Default::default()
        };
        s.set_set_op_type(proto::set_operation::SetOpType::Union);
        proto::Relation { common: None, rel_type: Some(RelType::SetOp(Box::new(s))) }
    }

    #[test]
    fn chains_of_unions_are_flat_where_they_are_alike() -> SparkResult<()> {
        let chain = (1..1000).fold(range(0), |chain, i| union(chain, range(i), false));
        let RelationKind::SetOperation(s) = test_converter().relation(chain)?.kind else {
            return Err(SparkError::internal("no union"));
        };
        let ends: Vec<_> =
            s.inputs.iter().map(|r| if let RelationKind::Range { end, .. } = r.kind { end } else { -1 }).collect();
        assert_eq!(ends, (0..1000).collect::<Vec<_>>());
        let mixed = union(union(range(1), range(2), true), range(3), false);
        let RelationKind::SetOperation(s) = test_converter().relation(mixed)?.kind else {
            return Err(SparkError::internal("no union"));
        };
        assert!(matches!(&s.inputs[..], [Relation { kind: RelationKind::SetOperation(_), .. }, _]));
        Ok(())
    }
}
