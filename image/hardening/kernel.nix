# Kconfig, command line and kernel variables under kernel-hardening-checker, together with the list of what it still says.
{ debian, kernel, uki }:
debian.run {
  name = "kernel-hardening";
  tree = debian.tree "checker";
  env = {
    inherit kernel uki;
    failures = ./kernel-failures.txt;
    compare = ./compare.py;
    variables = ../../hardening/systemd/sysctl/50-holdfast.conf;
  };
  script = ''
    cp "$kernel/.config" config
    cp "$uki/cmdline" cmdline && echo >> cmdline
    # What systemd-sysctl writes, as `sysctl -a` shows it; and the one that only the kernel's configuration sets, since
    # nothing in the image holds the capability to change it.
    { sed -E '/^ *(#|$)/d; s/^-//' "$variables"; sed -n 's/^CONFIG_DEFAULT_MMAP_MIN_ADDR=/vm.mmap_min_addr = /p' config; } > variables
    kernel-hardening-checker -c config -l cmdline -s variables | tee all
    grep -q "^\[+\] Config check is finished: 'OK' - [1-9]" all
    python3 $compare kernel "$failures" all | tee verdict
    # Kconfig by itself comes last in the log.
    kernel-hardening-checker -c config > kconfig
    grep -v '| OK' kconfig
    result() { sed -n "s/.*'OK' - \([0-9]*\) \/ 'FAIL' - \([0-9]*\).*/\1 \2/p" "$1" | awk '{ print $1 " of " $1 + $2 }'; }
    echo "figure: Kconfig $(result kconfig); with command line and kernel variables $(result all); each of the others has its reason, $(( $(date +%s) - begin )) s"
    touch "$out"
  '';
}
