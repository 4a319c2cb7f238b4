/// Cycles: balance, what a call brings, what is accepted of it, what comes back.
import Cycles "mo:core/Cycles";
import Nat "mo:core/Nat";

persistent actor Self {
  var accepted : Nat = 0;

  public query func balance() : async Nat { Cycles.balance() };
  public query func total_accepted() : async Nat { accepted };

  /// Accepts at most `limit` of the cycles the call brings.
  public func deposit(limit : Nat) : async Nat {
    let taken = Cycles.accept<system>(Nat.min(limit, Cycles.available()));
    accepted += taken;
    taken;
  };

  public func available() : async Nat { Cycles.available() };

  /// Sends itself `amount`, accepts `limit` of it, and returns what was refunded.
  public func send_to_self(amount : Nat, limit : Nat) : async Nat {
    ignore await (with cycles = amount) Self.deposit(limit);
    Cycles.refunded();
  };
};
