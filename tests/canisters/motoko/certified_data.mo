/// Certified data: set by updates, with its certificate given to queries.
import CertifiedData "mo:core/CertifiedData";
import Runtime "mo:core/Runtime";

persistent actor {
  var current : Blob = "";

  public func set(data : Blob) : async () {
    current := data;
    CertifiedData.set(data);
  };

  public func set_then_trap(data : Blob) : async () {
    current := data;
    CertifiedData.set(data);
    Runtime.trap("certified too early");
  };

  public query func get() : async (Blob, ?Blob) { (current, CertifiedData.getCertificate()) };
};
