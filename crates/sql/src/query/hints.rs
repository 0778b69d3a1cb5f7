//! `/*+ NAME(parameters), … */` behind SELECT.

use vonk_common::SparkResult;
use vonk_plan::expr::Expr;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn hints(&mut self) -> SparkResult<Vec<(String, Vec<Expr>)>> {
        let mut hints = vec![];
        while self.eat_sym("/*+") {
            loop {
                let name = self.ident()?;
                let parameters =
                    if self.sym("(") { self.in_parens(|p| p.comma_list(|p| p.primary()))? } else { vec![] };
                hints.push((name, parameters));
                if !self.eat_sym(",") && self.kind(0) != Kind::Word {
                    break;
                }
            }
            self.expect_sym("*/")?;
        }
        Ok(hints)
    }
}
