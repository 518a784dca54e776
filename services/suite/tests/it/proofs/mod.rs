//! What must hold for every RPC of every service, also for those of tomorrow: each proof takes the RPCs from the
//! descriptors of the contract, so that a new one is in it, or fails it.

mod fuzz;
mod headers;
mod isolation;
mod mass_assignment;
mod methods;
mod private;
mod rows;
mod secrets;
mod stage;
mod stores;
mod tokens;
mod wire;
