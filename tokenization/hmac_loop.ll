; HMAC-SHA256 of n messages under one key: what a loop in Python does, without Python around each of OpenSSL's calls.
;
;   %bounds  n + 1 offsets into %data: message i lies between the i-th and the next
;   %states  two SHA256_CTX of OpenSSL, one behind the other: after the padded key of the inner hash (and a prefix that
;            all messages have in common), and after that of the outer one
;   %update  OpenSSL's SHA256_Update(state, data, size); %final is its SHA256_Final(digest, state)
;   %macs    room for n digests of 32 bytes
;
; SHA256_CTX has 112 bytes: ten 32-bit words, a block of 64 bytes, and two words more (openssl/sha.h).

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @hmacs(i64 %n, ptr %data, ptr %bounds, ptr %states, ptr %update, ptr %final, ptr %macs) {
entry:
  %state = alloca [112 x i8], align 16
  %digest = alloca [32 x i8], align 16
  %outer = getelementptr i8, ptr %states, i64 112
  %first = load i64, ptr %bounds
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %next, %one ]
  %start = phi i64 [ %first, %entry ], [ %end, %one ]
  %done = icmp eq i64 %i, %n
  br i1 %done, label %exit, label %one

one:
  %next = add i64 %i, 1
  %bound = getelementptr i64, ptr %bounds, i64 %next
  %end = load i64, ptr %bound
  %size = sub i64 %end, %start
  %message = getelementptr i8, ptr %data, i64 %start
  call void @llvm.memcpy.p0.p0.i64(ptr %state, ptr %states, i64 112, i1 false)
  call i32 %update(ptr %state, ptr %message, i64 %size)
  call i32 %final(ptr %digest, ptr %state)
  call void @llvm.memcpy.p0.p0.i64(ptr %state, ptr %outer, i64 112, i1 false)
  call i32 %update(ptr %state, ptr %digest, i64 32)
  %place = mul i64 %i, 32
  %mac = getelementptr i8, ptr %macs, i64 %place
  call i32 %final(ptr %mac, ptr %state)
  br label %head

exit:
  ; Both tell about the key, and this stack is not ours to keep it on.
  call void @llvm.memset.p0.i64(ptr %state, i8 0, i64 112, i1 true)
  call void @llvm.memset.p0.i64(ptr %digest, i8 0, i64 32, i1 true)
  ret void
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
