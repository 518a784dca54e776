//! The mistakes that this projection could make, each made on purpose. A property that does not notice
//! its mistake would hold for nothing.

mod apply;
mod view;

use super::{
    Subject,
    properties::{Property, breaks},
};

/// A mutant and the properties that notice it.
fn caught(mutant: &dyn Subject, by: &[(&str, Property)]) {
    for (name, property) in by {
        assert!(breaks(*property, mutant), "{name} does not notice it");
    }
}
