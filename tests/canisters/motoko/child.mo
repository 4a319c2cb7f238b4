/// An actor class that another canister creates: a sum, and whom it was made by.
import Error "mo:core/Error";

shared ({ caller = creator }) persistent actor class Child(start : Nat) {
  var sum = start;

  public func add(amount : Nat) : async Nat {
    if (amount > 100) throw Error.reject("too much for " # debug_show(sum));
    sum += amount;
    sum;
  };

  public query func total() : async Nat { sum };
  public query func parent() : async Principal { creator };
};
