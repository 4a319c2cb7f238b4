/// An actor class with an init argument, whose installer alone may change the greeting.
import Error "mo:core/Error";

shared ({ caller = installer }) persistent actor class OwnerOnly(initial : Text) {
  let owner = installer;
  var greeting : Text = initial;

  public shared ({ caller }) func set(text : Text) : async () {
    if (caller != owner) { throw Error.reject("only the owner may do this") };
    greeting := text;
  };

  public shared query ({ caller }) func whoami() : async Principal { caller };
  public query func get() : async Text { greeting };
  public query func get_owner() : async Principal { owner };
};
