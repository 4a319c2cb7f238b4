/// An upgrade of `counter_v1` without its notes.
/// Classical persistence drops them for good; enhanced persistence refuses.
persistent actor {
  var counter : Nat = 0;

  public func inc() : async Nat { counter += 1; counter };

  public query func get() : async Nat { counter };
};
