/* fakeudhcpc HANDLER IFACE NET RUNS GAP_US : exec HANDLER like udhcpc does (vfork, exec, wait) with the 'bound' environment,
   print per run: before_vfork after_wait (CLOCK_REALTIME ns) and the address used. Between runs (untimed) the lease is taken back:
   by the command in FAKE_RESET, for a handler whose daemon would otherwise put back what somebody flushes, else by flushing the addresses. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>
#include <sys/wait.h>
static long long now(void){ struct timespec t; clock_gettime(CLOCK_REALTIME,&t); return t.tv_sec*1000000000LL+t.tv_nsec; }
int main(int c,char**v){ int runs=atoi(v[4]), gap=atoi(v[5]); char b[64];
 setenv("interface",v[2],1); setenv("subnet","255.255.255.0",1); setenv("mask","24",1); setenv("dns","192.0.2.53",1); setenv("lease","3600",1); setenv("opt53","05",1); setenv("siaddr","0.0.0.0",1);
 snprintf(b,64,"%s.1",v[3]); setenv("router",b,1); setenv("serverid",b,1);
 for(int i=0;i<runs;i++){ snprintf(b,64,"%s.%d",v[3],10+i%240); setenv("ip",b,1);
  char cmd[128]; const char*reset=getenv("FAKE_RESET"); snprintf(cmd,128,"ip -4 addr flush dev %s",v[2]); if(system(reset?reset:cmd)){}; usleep(gap);
  long long t0=now(); pid_t p=vfork(); if(!p){ execl(v[1],v[1],"bound",(char*)0); _exit(127);} int st; waitpid(p,&st,0); long long t1=now();
  printf("%s %lld %lld\n",b,t0,t1); fflush(stdout); usleep(gap); } }
