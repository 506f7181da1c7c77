# The default site: this project's documentation, built from docs/ with mdBook.
{ debian, docs }:
debian.run {
  name = "holdfast-docs";
  tree = debian.tree "docs";
  env = { inherit docs; };
  script = ''
    cp -r --no-preserve=mode "$docs" docs
    mdbook build docs --dest-dir "$out"
    # mdBook copies everything that is no page; these two are its own business.
    rm -f "$out/book.toml" "$out"/theme/*.hbs
    echo "figure: $(find "$out" -name '*.html' | wc -l) pages" 
  '';
}
