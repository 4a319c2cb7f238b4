/// Writes to the canister log: at install, in updates and queries, and as a trap's last words.
import Debug "mo:core/Debug";
import Runtime "mo:core/Runtime";

persistent actor {
  Debug.print("installed");

  public func say(text : Text) : async () { Debug.print(text) };
  public query func say_in_query(text : Text) : async () { Debug.print(text) };
  public func say_then_trap(text : Text) : async () {
    Debug.print(text);
    Runtime.trap("trapped after " # text);
  };
};
