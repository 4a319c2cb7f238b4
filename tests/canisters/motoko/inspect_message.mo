/// Decides by method, argument and caller which ingress messages it takes.
import Principal "mo:core/Principal";
import Runtime "mo:core/Runtime";

persistent actor {
  var accepted : Nat = 0;

  system func inspect({
    caller : Principal;
    arg : Blob;
    msg : {
      #get : () -> ();
      #open : () -> ();
      #closed : () -> ();
      #even_only : () -> Nat;
      #named_only : () -> ();
      #short_only : () -> Text;
      #trapping : () -> ();
    };
  }) : Bool {
    switch (msg) {
      case (#get _ or #open _) true;
      case (#closed _) false;
      case (#even_only number) number() % 2 == 0;
      case (#named_only _) not caller.isAnonymous();
      case (#short_only _) arg.size() < 32;
      case (#trapping _) Runtime.trap("inspect refuses");
    };
  };

  public func open() : async () { accepted += 1 };
  public func closed() : async () { accepted += 1 };
  public func even_only(_ : Nat) : async () { accepted += 1 };
  public func named_only() : async () { accepted += 1 };
  public func short_only(_ : Text) : async () { accepted += 1 };
  public func trapping() : async () { accepted += 1 };

  public query func get() : async Nat { accepted };
};
