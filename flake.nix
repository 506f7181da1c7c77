{
  description = "Holdfast: a folder of pages becomes a sealed machine";
  # No inputs: everything comes from image/debian/lock.json and Cargo.lock, by hash.
  outputs = { self }: import ./image/outputs.nix { source = self.outPath; };
}
