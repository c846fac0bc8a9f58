//! Every kind of file, and damage.

use super::*;
