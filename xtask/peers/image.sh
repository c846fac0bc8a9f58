#!/bin/sh
# The peer of `bootwright image` in `cargo xtask bench`: what people write today, with the same
# ingredients and the same layout. It needs no root either, but it does less: files keep the owner
# who ran it, and no two runs give the same bytes.
#
# usage: image.sh WORK OUTPUT VMLINUZ INIT BUSYBOX GRUB_MODULES EARLY_CFG GRUB_CFG MODULE_LIST APPLETS
#        MODULE_LIST has a kernel module's path a line, in load order; APPLETS is a list of names
set -eu
work=$1 output=$2 vmlinuz=$3 init=$4 busybox=$5 grub=$6 early=$7 config=$8 modules=$9
shift 9
applets=$1
mib=1048576

rm -rf "$work" && mkdir -p "$work"

# initramfs
early_root=$work/initramfs
mkdir -p "$early_root/dev" "$early_root/proc" "$early_root/sys" "$early_root/run" "$early_root/lib/modules"
cp "$init" "$early_root/init"
while read -r module; do
  cp "$module" "$early_root/lib/modules/"
  echo "/lib/modules/${module##*/}"
done < "$modules" > "$work/load-order"
cp "$work/load-order" "$early_root/lib/modules/load-order"
(cd "$early_root" && find . | cpio --quiet -o -H newc | gzip) > "$work/initramfs.img"

# root filesystem
root=$work/root
for directory in bin dev etc proc root run sbin sys tmp var; do mkdir -p "$root/$directory"; done
cp "$init" "$root/sbin/init"
cp "$busybox" "$root/bin/busybox"
for applet in $applets; do ln -s busybox "$root/bin/$applet"; done
echo bootwright > "$root/etc/hostname"
mke2fs -q -t ext4 -d "$root" "$work/root.ext4" 16M

# boot loader
grub-mkimage -d "$grub" -O x86_64-efi -o "$work/BOOTX64.EFI" -p /EFI/BOOT -c "$early" \
  part_gpt fat normal linux efi_gop serial smbios test echo

# EFI system partition
esp=$((24 * mib))
truncate -s $esp "$work/esp.fat"
mkfs.fat "$work/esp.fat" > "$work/mkfs.log"
mmd -i "$work/esp.fat" ::/EFI ::/EFI/BOOT
mcopy -i "$work/esp.fat" "$work/BOOTX64.EFI" "$vmlinuz" "$work/initramfs.img" "$config" ::/EFI/BOOT/

# disk
truncate -s $((42 * mib)) "$output"
sgdisk --clear \
  --new 1:2048:+24M --typecode=1:ef00 --change-name=1:'EFI System' \
  --new 2::+16M --typecode=2:8304 --change-name=2:slim-rootfs \
  "$output" > "$work/sgdisk.log"
dd if="$work/esp.fat" of="$output" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.ext4" of="$output" bs=1M seek=25 conv=notrunc,sparse status=none
